"""What a sweep says in sentences, on the terminal and on its page."""

from __future__ import annotations

from cnnlab.experiments.sweep import Sweep
from cnnlab.numbers import count, percent, plain, seeds_text, signed

#: A verdict's words, after what they say of the winner's test accuracy.
_SAYS = {
    "better": "is",
    "worse": "is",
    "equivalent": "shows",
    "not distinguishable": "is",
    "undecided": "cannot be told apart yet:",
}


def plan_words(sweep: Sweep) -> str:
    """What was swept: net, images, recipe, how many points and seeds."""
    plan = sweep.plan
    shared = {**plan.net.options, **plan.changes}
    if plan.epochs is not None:
        shared = {"epochs": plan.epochs} | shared
    says = "".join(f", {name.replace('_', ' ')} {plain(value)}" for name, value in shared.items())
    return (
        f"{plan.net.name} on {plan.data}, recipe {plan.recipe}{says}: {count(len(sweep.points))} points, "
        f"{seeds_text(sweep.seeds)}, {count(sweep.validation_images)} validation images"
    )


def optimism_words(sweep: Sweep) -> str:
    """The winner, in the search and on fresh seeds: how much of it was luck."""
    optimism, winner = sweep.optimism, sweep.winner
    found, fresh = sweep.points[0].validation, winner.validation
    figures = f"{winner.variant.name} won with {_mean(found)} on validation; on fresh seeds it has {_mean(fresh)}"
    size = f"{100 * abs(optimism.mean):.2f} points {'less' if optimism.mean >= 0 else 'more'}"
    if optimism.low is None or optimism.high is None:
        few = len(found) < 2
        return f"{figures}: {size}, {'without an interval, as it won on one seed' if few else 'in every seed'}."
    ends = (optimism.low, optimism.high) if optimism.mean >= 0 else (-optimism.high, -optimism.low)
    between = ", ".join(signed(100 * end) for end in ends)
    if optimism.low > 0:
        says = "part of its win was luck with the seeds"
    elif optimism.high < 0:
        says = "the search had seen it at less than its best"
    else:
        says = "not distinguishable from no luck with the seeds"
    return f"{figures}: {size} [{between}], {says}."


def test_words(sweep: Sweep) -> str:
    """The winner's test accuracy from the fresh runs, with both kinds of error."""
    test = sweep.winner.test_spread
    deviation = 0.0 if test.standard_deviation is None else test.standard_deviation  # there are FRESH seeds at least
    return (
        f"Test accuracy on the fresh seeds {percent(test.mean, 2)}: ±{100 * deviation:.2f} points over seeds "
        f"(n = {test.n}), ±{100 * sweep.test_error:.2f} points for there being only "
        f"{count(sweep.final.test_images)} test images."
    )


def verdict_words(sweep: Sweep) -> str:
    """The winner against the runner-up, on the same fresh seeds."""
    runner_up, verdict = sweep.runner_up, sweep.winner.verdict
    if runner_up is None or verdict is None:
        return "No other point went all the way, so there is no runner-up to compare it with."
    return (
        f"Against the runner-up, {runner_up.variant.name}, its test accuracy on the same fresh seeds "
        f"{_SAYS[verdict.kind]} {verdict.words}."
    )


def pruning_words(sweep: Sweep) -> str:
    """What was pruned, by which rule, and how many trainings that left out."""
    if not sweep.is_pruned:
        return "Pruning was off: all points were trained on all seeds."
    if len(sweep.seeds) < 3:
        return "With fewer than 3 seeds nothing is pruned, as two are needed to see how far another one would land."
    pruned = [point for point in sweep.points if point.end == "pruned"]
    rule = (
        "From the second seed on, a point went on only if its mean validation accuracy was not clearly below the best "
        "point's. Clearly: by more than two equally good points would differ in 19 cases out of 20, given the spread "
        f"over seeds and {count(sweep.validation_images)} validation images."
    )
    if not pruned:
        return f"{rule} No point was that far behind."
    left_out = sum(len(sweep.seeds) - len(point.runs) for point in pruned)
    runs = sum(len(point.runs) for point in sweep.points)
    return (
        f"{rule} That far behind: {count(len(pruned))} of {count(len(sweep.points))} points. "
        f"Trainings that this saved: {count(left_out)}; made: {count(runs)}."
    )


def _mean(accuracies: tuple[float, ...]) -> str:
    return f"{percent(sum(accuracies) / len(accuracies), 2)} (n = {len(accuracies)})"
