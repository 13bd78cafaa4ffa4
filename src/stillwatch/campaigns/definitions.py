"""What linking is, as relations: written once, run by DuckDB here and by Spark SQL in a cluster.

Blocking, company and components are joins and counts of whole numbers, so any engine gives the same
rows for the same rows, however these are split. The kernels of ``campaigns.phrases`` and
``campaigns.cluster`` are faster ways to the same relations on one machine; tests hold them to these.

::

    skeleton(account, shingle)            what each usable account's streams have in common, given
      held      each pair once
      said      holders of a shingle
      hub       shingles that too many hold: everyday language
      phrase    shingles that neither few nor many hold, with their holders
      posting   who holds which phrase; no phrase has more rows than ``HUB``, no account than 96
      company   pairs of phrases that the same accounts hold, with their likeness
      link      company at each level of likeness, phrases numbered apart by level (``node_of``)
      label     the component of each phrase that has a link: its smallest (``components``)
      extent    phrases of each component
      dense     links of the components that are large, to be divided one by one

``hub`` is taken out before rows are brought together by shingle: a shingle that half of all
accounts hold has been counted where its rows are, and meets in no task.

Statements are in the dialect that both engines speak. Hints in comments are Spark's.

>>> divmod(node_of(2, 7), LEVEL)
(2, 7)
"""

from dataclasses import dataclass

FEWEST = 4
"""Accounts that hold a phrase, at least."""
HUB = 500
"""A phrase that more accounts hold is everyday language."""
TOGETHER = 3
"""Accounts that hold both of two phrases, at least."""
LEVELS: tuple[float, ...] = (0.5, 0.6, 0.7)
"""Likeness at which clusters of phrases are taken for scaffolds; no pair below the first is kept."""
ALIKE = LEVELS[0]
"""Likeness below which no level looks."""
LARGE = 8
"""Components up to this size are clusters as they are."""
LEVEL = 1 << 32
"""Nodes of a level: a phrase is a shingle of 32 bits."""
UNIT = 1 << 32
"""Parts of likeness that volumes are counted in: sums of whole numbers have no order."""


@dataclass(frozen=True, slots=True)
class Step:
    """A relation, by relations before it."""

    name: str
    sql: str
    kept: bool = True
    """Whether its rows are stored; otherwise it is only a name for a part of later statements."""
    cut: bool = False
    """Whether it is one of many rounds: an engine that remembers how rows were made must forget it."""


def node_of(level: int, shingle: int) -> int:
    """The number of a phrase at a level."""
    return level * LEVEL + shingle


def real(number: float) -> str:
    """A number as both engines read it: a bare literal is a decimal for one, a double for the other."""
    return f"cast('{number!r}' as double)"


HOLDING: tuple[Step, ...] = (
    Step("held", "select distinct account, shingle from skeleton"),
    Step("said", "select shingle, count(*) as holders from held group by shingle"),
    Step("hub", f"select shingle from said where holders > {HUB}", kept=False),
    Step(
        "phrase",
        f"select shingle, holders from said where holders between {FEWEST} and {HUB}",
        kept=False,
    ),
    Step(
        "posting",
        "select o.account, o.shingle, p.holders"
        " from (select /*+ BROADCAST(hub) */ h.account, h.shingle"
        " from held h anti join hub on h.shingle = hub.shingle) o"
        " join phrase p on o.shingle = p.shingle",
    ),
)
"""Blocking: which accounts meet, and in what."""

COMPANY: tuple[Step, ...] = (
    Step(
        "company",
        "select one, other, holders, together,"
        " cast(together as double) / cast(holders - together as double) as likeness from ("
        "select a.shingle as one, b.shingle as other,"
        " a.holders + b.holders as holders, count(*) as together"
        " from posting a join posting b on a.account = b.account and a.shingle < b.shingle"
        # of two sets of which one is that much larger no likeness can be enough
        f" and a.holders >= {real(ALIKE)} * b.holders"
        f" and b.holders >= {real(ALIKE)} * a.holders"
        " group by a.shingle, b.shingle, a.holders + b.holders) counted"
        f" where together >= {TOGETHER}"
        f" and cast(together as double) / cast(holders - together as double) >= {real(ALIKE)}",
    ),
    Step(
        "link",
        f"select level, level * {LEVEL} + one as one, level * {LEVEL} + other as other, likeness"
        " from company join ("
        + " union all ".join(
            f"select cast({number} as bigint) as level, {real(least)} as least"
            for number, least in enumerate(LEVELS)
        )
        + ") levels on likeness >= least",
        kept=False,
    ),
    Step(
        "arc",
        "select one, other from link union all select other as one, one as other from link",
    ),
)
"""Candidate pairs, the graph of each level, and its links in both directions."""

FIRST = "select one as node, least(one, min(other)) as label from arc group by one"
"""Labels to begin with: the smallest of a node and its neighbours."""

GRAND = "select n.node, n.label, p.label as grand from {label} n join {label} p on n.label = p.node"
"""Pointers jumped: the label of each node's label."""

NEAR = (
    "select a.one as node, min(g.grand) as low from arc a join {grand} g on a.other = g.node"
    " group by a.one"
)
"""The smallest that a node's neighbours point to."""

NEXT = (
    "select node, min(label) as label from ("
    "select node, grand as label from {grand}"
    " union all select node, low as label from {near}"
    " union all select g.label as node, n.low as label from {near} n join {grand} g"
    " on n.node = g.node"
    ") told group by node"
)
"""Each node takes the least of these, and tells it to the node that it pointed to."""

POTENTIAL = "select sum(cast(label as decimal(38, 0))) as total from {label}"
"""Labels only fall: a round that leaves their sum as it was has changed nothing."""

EXTENT = Step("extent", "select label, count(*) as phrases from label group by label")

SMALL = (
    "select l.node, l.label as cluster from label l join extent e on l.label = e.label"
    f" where e.phrases <= {LARGE}"
)
"""Components that are clusters as they are."""

DENSE = Step(
    "dense",
    "select l.label, k.level, k.one, k.other, k.likeness"
    " from link k join label l on k.one = l.node join extent e on l.label = e.label"
    f" where e.phrases > {LARGE}",
)
"""Links of components that are large enough to be chains, which ``cluster.divided`` cuts one by one."""

VOLUME = (
    f"select level, sum(cast(floor(likeness * {real(float(UNIT))}) as bigint)) as units"
    " from dense group by level"
)
"""Likeness within large components, by level: what resolution is measured against."""


def shared_keys(hub_share: float, accounts: int) -> tuple[Step, ...]:
    """What members of campaigns are shown to have in common, from ``holding(account, kind, key)``.

    ``member(account)`` are the members. A key says something when at least two and not too many of all
    ``accounts`` hold it; how much, its ``holders`` decide (``campaigns.evidence``). ``campaigns.keys`` is the
    kernel of this.
    """
    most = max(20.0, hub_share * accounts)
    return (
        Step(
            "wanted",
            "select distinct h.kind, h.key from holding h join member m on h.account = m.account",
        ),
        Step(
            "telling",
            "select h.kind, h.key, count(distinct h.account) as holders"
            " from holding h join wanted w on h.kind = w.kind and h.key = w.key"
            " group by h.kind, h.key"
            f" having count(distinct h.account) >= 2 and count(distinct h.account) <= {real(most)}",
        ),
        Step(
            "shared",
            "select distinct h.account, h.kind, h.key, t.holders"
            " from holding h join telling t on h.kind = t.kind and h.key = t.key",
        ),
    )
