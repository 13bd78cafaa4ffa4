"""The page about ``share.toml``, from the names that the code knows and the template it writes.

Rules: every setting has a line here, and none that the code does not know (a test compares).
"""

from collections.abc import Mapping
from typing import Final

from stillwatch.sharing.settings import _DAYS, _OPTIONAL, _SECTIONS, KINDS, TEMPLATE

_NOTE = "<!-- Written by docs/generate.py from the code; change that and run `make docs`. -->\n"

SAID: Final[Mapping[str, str]] = {
    "hub.url": "address of the hub; `https://`, or this machine",
    "hub.member": "our name at the hub",
    "hub.token_file": "file with our token, mode 0600",
    "hub.log_key": "public key of the hub's log, from the operator by a way that is not the hub",
    "hub.witnesses": "identities of members whose cosignatures are asked for; you know them from elsewhere",
    "hub.quorum": "how many of them must have seen what is believed; default 0",
    "identity.id": "our STIX identity, given when our key was enrolled",
    "identity.key_file": "our signing key, mode 0600; `stillwatch share key rotate` replaces it",
    "publish.collection": "id or alias of the claims collection",
    "publish.tlp": "marking of new drafts: clear, green, amber, amber+strict or red",
    "publish.groups": "sharing groups that may read new drafts; none: all readers",
    "publish.purpose": "why we share, from the policy's list",
    "publish.confidence": "how sure we are of new drafts, 0 to 100",
    "publish.unattended": "kinds that leave without a person; never `rule`, which holds text",
    "legal_basis.jurisdiction": "ISO 3166-1 alpha-2, or EU",
    "legal_basis.basis": "a basis of the policy's list that counsel confirmed; there is no default",
    "legal_basis.as_of": "day of that confirmation",
    "legal_basis.until": "last day on which it may be used, where it ends",
    "drafts.least_accounts": "campaigns of fewer accounts stay home; default 6",
    "drafts.most_p": "and those with a larger p-value; default 0.05",
    "matching.region": "ISO 3166-1 alpha-2: where phone numbers that are written without a country are from; without it they are unusable",
    "matching.rehearsal": "takes the domains `example.com`, `.net`, `.org` and the phone numbers of films, which strangers type to fill a field; default false; for rehearsals only",
    "matching.evaluators": "members whose evaluators are asked first; the others stand in for them",
    "matching.members": "identities that you know, not from the hub, to be other members' (witnesses and the epoch's evaluators are known already): only they are a second voice beside another",
    "matching.deadline_ms": "for one sign-up, over all evaluators; then it passes unscreened; default 1000",
    "matching.canary_rate": "share of what is asked that is made up, with known answers; default 0.002",
    "matching.audit_rate": "share of batches that are asked again with proof; default 0.01",
    "matching.stale_days": "days since the last pull after which no lead says more than review; default 3",
    "matching.leads": "file of weights and thresholds in place of the shipped one",
    "store.url": "the lab's own database; default `sqlite:///share.db`; a relative file is beside this one",
}


def share_toml() -> str:
    """Reference of the settings of sharing."""
    parts = [
        _NOTE,
        "# share.toml\n",
        "`stillwatch share init` writes it; paths are relative to it. Secrets stand in files of their",
        "own that nobody else may read. An unknown name is an error with the closest known one.\n",
    ]
    for section, names in _SECTIONS.items():
        parts += [f"## [{section}]\n", "| Setting | Needed | What it says |", "|---|---|---|"]
        for name in names:
            needed = "no" if (section, name) in _OPTIONAL else "yes"
            parts.append(f"| `{name}` | {needed} | {_said(section, name)} |")
        parts.append("")
    parts += ["## As it is written at first\n", "```text", TEMPLATE.rstrip(), "```", ""]
    return "\n".join(parts)


def _said(section: str, name: str) -> str:
    if section == "expires_days":
        assert name in KINDS
        return (
            f"days for which a claim of this kind holds, at most 365; default {_DAYS.get(name, 90)}"
        )
    return SAID[f"{section}.{name}"]
