"""The result of a contrast: two sides compared in pairs, and what is configured differently."""

from collections.abc import Sequence
from dataclasses import dataclass

from deploylab.core import units
from deploylab.course import Contrast
from deploylab.results import describe
from deploylab.results.record import Comparison, Difference, Run
from deploylab.results.stats.basics import METRICS
from deploylab.results.stats.paired import compare
from deploylab.results.stats.summary import Summary, summarise

NOT_SHOWN = ("p99_ns",)  # in no table of a contrast: few windows have enough answers for it


@dataclass(frozen=True, kw_only=True)
class ContrastResult:
    """The result of a contrast."""

    contrast: Contrast
    differences: tuple[Difference, ...]    # found on the machine
    a: Summary
    b: Summary
    ratios: dict[str, Comparison]          # by metric; B over A

    @property
    def main(self) -> Comparison:
        """The comparison in what the contrast is judged by."""
        return self.ratios[self.contrast.metric]

    @property
    def one_thing(self) -> bool:
        """Whether nothing else was found to differ than what the contrast is about."""
        names = {difference.name for difference in self.differences}
        return bool(names) and (names <= set(self.contrast.parts) if self.contrast.parts else len(names) == 1)

    @property
    def warnings(self) -> list[str]:
        """What the course says and the machine does not have; an undeclared cache; the ratios' warnings, each once."""
        names = {difference.name for difference in self.differences}
        absent = [part for part in self.contrast.parts if part not in names]
        out = [f"the course says that these differ too, but on this machine they do not: {', '.join(absent)}"] \
            if absent else []
        if any(side.hit_ratio and not side.cache_state for side in (self.a, self.b)):
            out.append("the cache was in no declared state: it was filled while this was measured, and the number "
                       "depends on for how long; measure it again with this version")
        of_ratios = (text for metric, comparison in self.ratios.items()
                     if comparison is self.main or comparison.ratio is not None and metric not in NOT_SHOWN
                     for text in comparison.warnings)
        return out + list(dict.fromkeys(of_ratios))


def contrast_result(contrast: Contrast, differences: Sequence[Difference],
                    runs: Sequence[Run]) -> ContrastResult | None:
    """The result of a contrast, or None while one side has no run.

    Args:
        runs: in order of time; those of other contrasts are ignored.

    Raises:
        DeployLabError: two sides differ in load or machine.
    """
    a_runs, b_runs = sides(contrast, runs)
    if not a_runs or not b_runs:
        return None
    return ContrastResult(contrast=contrast, differences=tuple(differences), a=next(iter(summarise(a_runs).values())),
                          b=next(iter(summarise(b_runs).values())),
                          ratios={metric: compare(a_runs, b_runs, metric, of_views=contrast.b_view is not None)
                                  for metric in METRICS})


def sides(contrast: Contrast, runs: Sequence[Run]) -> tuple[list[Run], list[Run]]:
    """The runs of side A and those of side B, in the given order; of a repeated run, the last one.

    Runs of earlier versions do not say which side they are. If both sides are the same, their order within a pair tells
    it: A B, then B A.
    """
    mine = [run for run in runs if run.pair_id and run.pair_id.rpartition("/")[0] == contrast.name]
    a_key, b_key = (contrast.a, contrast.view), (contrast.b, contrast.b_view or contrast.view)
    a: dict[str, Run] = {}
    b: dict[str, Run] = {}
    for i, run in enumerate(mine):
        first = sum(other.pair_id == run.pair_id for other in mine[:i]) % 2 == 0
        is_a = (_key(run) == a_key if a_key != b_key else run.side == "A" if run.side else
                first == (int(run.pair_id.rpartition("/")[2]) % 2 == 1))
        if is_a or _key(run) == b_key:
            (a if is_a else b)[run.pair_id] = run
    return list(a.values()), list(b.values())


def differing(contrast: Contrast, differences: Sequence[Difference]) -> str:
    """What differs between the two sides, in one sentence that says what the number means."""
    others = [difference.name for difference in differences if difference.name not in contrast.parts]
    if not differences:
        return "Their configuration does not differ at all: what you see is the noise of the machine."
    if contrast.parts and not others:
        return f"They differ in one thing: {contrast.differs}."
    if not contrast.parts and len(others) == 1:
        name, a, b = differences[0].name, differences[0].a or "not there", differences[0].b or "not there"
        return f"They differ in one thing: {name}, {a} → {b}."
    many = units.count(len(others), "thing")
    beside = f"Besides {contrast.differs}, they differ in {many} more" if contrast.parts else f"They differ in {many}"
    return f"{beside}: the number is for the whole step, not for its parts."


def _key(run: Run) -> tuple[str, str]:
    return describe.target(run.stage, run.variant), run.view
