"""The page about identifiers: the rules, and the tables that repeat the code."""

import ast
import inspect
import textwrap
from collections.abc import Iterable, Sequence
from enum import StrEnum
from itertools import pairwise
from typing import Final

from stillwatch.domain.identifier import MAX_NORMAL_BYTES, TRAITS, Kind
from stillwatch.sharing.identifiers.fields import NAMES
from stillwatch.sharing.identifiers.interface import MAX_RAW, Reason
from stillwatch.sharing.identifiers.vectors import TABLES, vectors

_NOTE = "<!-- Written by docs/generate.py from the code; change that and run `make docs`. -->\n"

_RULES: Final = """\
## Every kind

1. A value longer than {raw:,} characters is refused unread. So are lone surrogates, private-use and
   unassigned code points, and control characters within.
2. NFKC. Then invisible code points go (Unicode's `Default_Ignorable_Code_Point`: zero-width, bidi
   controls, soft hyphen, variation selectors, tags), and NFKC again.
3. Outer white space goes. Nothing left: `empty`. A word people type to fill a field, dashes, or one
   digit repeated: `placeholder`.
4. Lower case, where a kind has it, depends on no language: `İ` becomes `i`, `ı` stays, final sigma
   becomes sigma, `ß` is not `ss`.
5. **Homoglyphs are not unified.** Latin `a` and Cyrillic `а` are two mailboxes and two domains, held by two
   people. To unify them would let whoever registers a look-alike frame the holder of the original.
6. A normal form normalises to itself; no value raises an error; time is linear in the length.

## E-mail

`email` is the mailbox as given: lower case, domain by IDNA 2008 with the mapping of UTS 46, non-transitional,
in A-labels, without trailing dot. Display names, `mailto:`, comments at the end and needless quotes go. A joiner
(U+200C, U+200D) stays in a domain where IDNA allows it. Refused: no dot in the domain, address literals, local
parts over 64 and addresses over 254 bytes, several addresses, and local parts that name no customer (`noreply`, `test`).

`email-loose` is the mailbox that aliases lead to: `+tag` goes everywhere; at Yahoo a tag begins with `-` too;
Gmail ignores dots, Proton `.`, `-` and `_`, Yandex `.` and `-`; `googlemail.com` is `gmail.com`, Proton's, Apple's and
Yandex's domains are one; `tag@user.fastmail.com` is `user@fastmail.com`. Hotmail, Outlook and Live are not one.

The address's domain comes as `domain`, unless strangers share it.

## Phone

E.164, if the number is *possible*: its country code has numbers of this length, area included. Whether a range is in use is
not asked: those tables change every month, and labs with different releases would miss each other in silence. Only a
number of fewer than seven national digits must be in the plan, since short codes look like it. `00` and a region's own
prefix are `+`; `(0)` in the middle goes; digits of any script count. An extension is dropped: it is the same line. Mexico's
old `+52 1` is `+52`. A national number needs a region; the first reading that is possible counts. Refused: one digit
repeated or counting, also behind a country code; toll-free, premium, shared-cost, company-wide, pager and voicemail
numbers as far as the tables know them; short and emergency numbers.

**Write numbers with `+` and the country code** where you can: of a number that no plan knows, these forms do not lead back to it:

- without `+` and prefix, where its first digits are the country code (`49 85 1447634` in Germany) or a prefix;
- with the national prefix, where the national number begins with that prefix itself (`00…` reads as a call abroad,
  `1 1…` in North America), or where digits after it choose a carrier (Korea's `08…`, Argentina's `15`);
- with `(0)` where the zero is part of the number (Italy): it stays.

## Payment

`processor:fingerprint`; the processor in lower case, the fingerprint as given. It must be a fingerprint that two labs
get for the same card: many processors make one per merchant, which matches nothing elsewhere. The payment account
reference of EMVCo (`par:` and 29 characters) is the same everywhere. **Anything that holds 12 to 19 digits,
grouped or not, that pass Luhn's check is refused as `card-number`.** So is a device, reseller or organisation that is
nothing but such a number of 16 digits or more.

## Domain

The registrable domain of a name, a URL or an e-mail address, by the public suffix list that comes with tldextract, its
private section counted as suffixes. Nothing is fetched. Refused: mail providers, throw-away mail, platforms, suffixes that
institutions share (`edu`, `ac.uk`, `gov` …), names of intranets. A university under an ordinary suffix is not known as one.

## Organisation

Case folded; marks off Latin letters (`Société` is `societe`); `.`, apostrophes and middle dots vanish, any other
punctuation is a space; legal forms at the end go, in Russian, Chinese, Japanese, Korean, Indonesian, Vietnamese
and Arabic at the beginning too. Fewer than three letters (two ideographs), or a generic word: refused.

## Device, reseller, bands and prompts

A device's UUID or MAC is bare hex in lower case; any other hex is lower case; anything else is as given, 8 to 128 of
`A-Z a-z 0-9 _ . : + / = ~ -`. Ids that makers left on many machines are placeholders. A reseller is in lower case. A
skeleton band is 32 hex digits, a prompt the 64 of a SHA-256.

## Addresses

IPv4 gives `ip4` and `ip4-24`, IPv6 `ip6-64` and `ip6-48`; a prefix gives what it still determines. Ports, brackets and zone
ids go; leading zeros are refused. IPv4-mapped and NAT64 (`64:ff9b::/96`) are the IPv4 address within. 6to4 and Teredo are
refused: the sender claims the address within, and relays are shared. Private, carrier, reserved and multicast ranges are
refused by a table of our own, since Python's changed between releases.

**What is set aside for examples.** Addresses (RFC 5737, RFC 3849, RFC 9637), domains and mailboxes under `.example`,
`.test` and `.invalid`, and AS numbers (RFC 5398) are taken: nobody has them in production, and labs rehearse with them.
What strangers type to fill a field is refused: the domains `example.com`, `example.net` and `example.org`, 555-01xx and regulators'
numbers for films. `--documentation`, or `rehearsal = true` under `[matching]` in `share.toml`, takes those too; placeholders
such as `user@example.com` stay refused. Any other mailbox at `example.com` is taken, as it names one.

## JA4

`ja4+number`: JA4's three parts, checked, and the autonomous system without `AS`. Private and reserved numbers are refused.
"""

_VECTORS: Final = """\
## Test vectors

`stillwatch.sharing.identifiers` ships `vectors.json`, {cases} cases, and `vectors.schema.json`. A case has `kind` and `raw`, and
where they matter `region` and `documentation`; and either `identifiers`, all of them in order, or `refused`, the reason.

Tables of others decide some normal forms: {tables}, and Python's Unicode. Members should keep the same releases:
`stillwatch identifiers check` names them, and walks the vectors.
"""


def identifiers() -> str:
    """Rules, kinds, reasons and column names."""
    kinds = [
        (f"`{kind}`", TRAITS[kind].strength.value, f"{TRAITS[kind].life_days} days", said)
        for kind, said in zip(Kind, _said(Kind), strict=True)
    ]
    reasons = [(f"`{one}`", said) for one, said in zip(Reason, _said(Reason), strict=True)]
    columns = [
        (one.value, ", ".join(f"`{name}`" for name in names)) for one, names in NAMES.items()
    ]
    return f"""{_NOTE}# Identifiers

Labs recognise an actor only if they write the same bytes from differently written input. What enters the OPRF
is `v1|kind|epoch|normal form` in UTF-8, the normal form of at most {MAX_NORMAL_BYTES:,} bytes. A *strong* kind may make a lead alone; a
*weak* one is shared by strangers and only adds to a strong match; a *pattern* says what was done, not who did it.
A tag lives for the given time after the last sighting.

{_table(("kind", "strength", "life", "what it is"), kinds)}
{_RULES.format(raw=MAX_RAW)}
## Reasons of refusal

A value that cannot be asked about is counted by kind and reason, and never quoted.

{_table(("reason", "meaning"), reasons)}
## Columns and keys

Names in a table of customers or in a sign-up that are known without a mapping; case, `-`, `.` and spaces do not matter.

{_table(("holds", "names"), columns)}
{_VECTORS.format(cases=len(vectors()["cases"]), tables=", ".join(TABLES))}"""


def _said(kind: type[StrEnum]) -> list[str]:
    """The docstring under each member, in order; a member without one fails the build of the page."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    assert isinstance(tree, ast.ClassDef)
    said: dict[str, str] = {}
    for line, below in pairwise(tree.body):
        if not (isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name)):
            continue
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            text = str(below.value.value).replace("``", "`")
            said[line.targets[0].id] = " ".join(text.split())
    return [said[member.name] for member in kind]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(row) + " |\n" for row in lines)
