"""What the cells of an executed notebook show."""


def text_of(cell) -> str:
    """All that a cell shows, as plain text."""
    said = []
    for output in cell.get("outputs", []):
        plain = output.get("data", {}).get("text/plain", "")
        said += output.get("traceback", []) + ["".join(output.get("text", "")), "".join(plain)]
    return "\n".join(filter(None, said))


def failures(cells) -> list[str]:
    """What no lesson may show: an error, or an exercise that its own start solves."""
    bad = [f"{cell['source'][:80]!r}: {text_of(cell)[-1500:]}" for cell in cells
           if any(output["output_type"] == "error" for output in cell.get("outputs", []))]
    tried = [cell for cell in cells if cell["source"].startswith("%%exercise")]
    return bad + [f"{cell['source'][:80]!r}: {text_of(cell)}" for cell in tried if "Not yet:" not in text_of(cell)]
