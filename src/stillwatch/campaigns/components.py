"""Connected components as joins: labels that fall to the smallest of each component.

FastSV (Zhang, Azad and Hu 2020): in a round every node takes the least label that its neighbours'
labels point to, tells it to the node that it pointed to, and jumps. Rounds grow with the logarithm
of the longest path, not with its length.

Rules
    * Labels only fall, and stay within the component. When a round changes none, neighbours have
      one label, and that of the smallest node is its own: the labels are the components.
    * It is over when the sum of labels has not changed: one number, no comparison of relations.
    * Rounds are bounded: a wrong answer would join strangers, so none is given.
"""

from stillwatch.campaigns.definitions import FIRST, GRAND, NEAR, NEXT, POTENTIAL, Step
from stillwatch.campaigns.relations import Relations
from stillwatch.errors import NotConverged

ROUNDS = 48


def components(relations: Relations, most: int = ROUNDS) -> int:
    """Make ``label(node, label)`` from ``arc(one, other)``; the number of rounds it took.

    Raises ``NotConverged`` after ``most`` rounds.
    """
    label = Step("label_0", FIRST, cut=True)
    relations.make(label)
    before = _potential(relations, label)
    for number in range(1, most + 1):
        grand = Step(f"grand_{number}", GRAND.format(label=label.name), kept=False)
        near = Step(f"near_{number}", NEAR.format(grand=grand.name), kept=False)
        fallen = Step(f"label_{number}", NEXT.format(grand=grand.name, near=near.name), cut=True)
        for step in (grand, near, fallen):
            relations.make(step)
        after = _potential(relations, fallen)
        for step in (near, grand, label):
            relations.drop(step)
        label = fallen
        if after == before:
            relations.make(Step("label", f"select node, label from {label.name}", kept=False))
            return number
        before = after
    raise NotConverged(
        f"the components of what accounts have in common did not settle in {most} rounds",
        hint="nothing was linked; report this with the number of accounts",
    )


def _potential(relations: Relations, label: Step) -> int:
    total = relations.rows(POTENTIAL.format(label=label.name)).column("total")[0].as_py()
    return int(total or 0)
