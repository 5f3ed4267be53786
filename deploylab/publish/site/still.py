"""Replaces widgets by plain HTML with their final state, because a web page has no kernel."""

import html
from typing import Any

import nbformat

STATE = "application/vnd.jupyter.widget-state+json"
VIEW = "application/vnd.jupyter.widget-view+json"
OF_WORK = {"ButtonModel", "FloatProgressModel"}  # they show or stop running work, and here the work has ended

States = dict[str, dict[str, Any]]


def stilled(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The notebook, with each widget replaced by what it showed last, and without widget state."""
    states = notebook.metadata.pop("widgets", {}).get(STATE, {}).get("state", {})
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if VIEW in output.get("data", {}):
                output.data = {"text/html": f"<div>{picture(output.data[VIEW]['model_id'], states)}</div>"}
    return notebook


def picture(model: str, states: States) -> str:
    """What a widget shows, as HTML; "" if it is hidden, or is a control of work that has ended.

    Args:
        model: its identifier.
        states: of all widgets of the notebook, as Jupyter saves them.
    """
    kind, state = states[model]["model_name"], states[model]["state"]
    if _is_hidden(state, states) or _is_of_work(model, states):
        return ""
    if kind == "HTMLModel":
        return state["value"]
    if kind == "ImageModel":
        image = f"data:image/{html.escape(state['format'])};base64,{_data(states[model])}"
        return f'<img alt="" style="width:100%" src="{image}">'
    return "".join(picture(child.removeprefix("IPY_MODEL_"), states) for child in state.get("children", ()))


def _is_of_work(model: str, states: States, deep: int = 2) -> bool:
    """Whether it is a control of running work, or a box that begins with a row of such controls."""
    if states[model]["model_name"] in OF_WORK:
        return True
    children = states[model]["state"].get("children", ())
    return bool(deep and children) and _is_of_work(children[0].removeprefix("IPY_MODEL_"), states, deep - 1)


def _is_hidden(state: dict[str, Any], states: States) -> bool:
    """Whether its layout, which has a state of its own, hides it."""
    layout = states.get(state.get("layout", "").removeprefix("IPY_MODEL_"), {})
    return layout.get("state", {}).get("display") == "none"


def _data(model: dict[str, Any]) -> str:
    """The picture's bytes in base64; they are saved beside the state."""
    return next((buffer["data"] for buffer in model.get("buffers", ()) if buffer["path"] == ["value"]), "")
