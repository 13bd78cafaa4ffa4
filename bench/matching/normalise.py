"""CPU time to bring a million customers' identifiers into normal form, by kind and all together.

``python -m bench.matching.normalise [CUSTOMERS]``; the customers are drawn from a seed: names
repeat as they do, hosts follow a long tail, no value is anybody's.
"""

import random
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from stillwatch.domain.identifier import Kind, RawIdentifier
from stillwatch.sharing.identifiers import Refused, Tally, normalise
from stillwatch.sharing.identifiers.fields import Layout
from stillwatch.sharing.identifiers.table import CustomerTable

SYLLABLES = ["ka", "lo", "mi", "ra", "ten", "su", "vel", "dor", "an", "pri", "bo", "zu", "xe", "ly"]
FREE = ["gmail.com", "outlook.com", "qq.com", "yahoo.com", "163.com", "web.de", "icloud.com"]
PHONES = {
    "US": "+1 (201) 555-{:04d}",
    "GB": "020 7946 {:04d}",
    "DE": "030 90{:04d}",
    "CN": "138 1234 {:04d}",
}


def word(rng: random.Random, parts: int) -> str:
    return "".join(rng.choices(SYLLABLES, k=parts))


def customers(count: int, seed: int) -> Iterator[dict[str, str]]:
    """Records with every column; half of the mailboxes are at free providers."""
    rng = random.Random(seed)
    firms = [
        f"{word(rng, 4)}.{rng.choice(['com', 'de', 'co.uk', 'io', 'cn'])}" for _ in range(200_000)
    ]
    for number in range(count):
        host = rng.choice(FREE) if rng.random() < 0.5 else rng.choice(firms)
        region = rng.choice(list(PHONES))
        yield {
            "customer_id": f"c{number}",
            "email": f"{word(rng, 2)}.{word(rng, 3)}{rng.choice(['', '+x', '7'])}@{host}".title(),
            "phone": PHONES[region].format(rng.randrange(1000, 10000)),
            "country": region,
            "organisation": f"{word(rng, 2)} {word(rng, 3)} {rng.choice(['Ltd', 'GmbH', 'Inc.', ''])}",
            "domain": f"https://www.{rng.choice(firms)}/",
            "payment": f"acquirer:{rng.getrandbits(96):024x}",
            "device": f"{rng.getrandbits(128):032X}",
            "ip": f"{rng.randrange(11, 99)}.{rng.randrange(256)}.{rng.randrange(256)}.{rng.randrange(1, 255)}",
            "ja4": f"t13d1516h2_{rng.getrandbits(48):012x}_{rng.getrandbits(48):012x}",
            "asn": str(rng.randrange(1, 60000)),
        }


KINDS = {
    "email": Kind.EMAIL, "phone": Kind.PHONE, "organisation": Kind.ORGANISATION,
    "domain": Kind.DOMAIN, "payment": Kind.PAYMENT, "device": Kind.DEVICE, "ip": Kind.IP4,
}  # fmt: skip


def by_kind(count: int) -> None:
    records = list(customers(count, 1))
    print(f"{'kind':14} {'us each':>8} {'made':>10} {'refused':>8}")
    for column, kind in KINDS.items():
        made = refused = 0
        start = time.process_time()
        for record in records:
            outcome = normalise(
                kind, RawIdentifier(record[column]), region=record["country"], documentation=True
            )
            if isinstance(outcome, Refused):
                refused += 1
            else:
                made += len(outcome)
        spent = time.process_time() - start
        print(f"{column:14} {spent / count * 1e6:8.1f} {made:10,} {refused:8,}")


def whole(count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "customers.csv"
        rows = customers(count, 2)
        first = next(rows)
        with path.open("w", encoding="utf-8") as file:
            file.write(",".join(first) + "\n" + ",".join(first.values()) + "\n")
            file.writelines(",".join(row.values()) + "\n" for row in rows)
        start, tally = time.process_time(), Tally()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        pairs = sum(
            len(batch.pairs)
            for batch in CustomerTable(path, Layout(documentation=True)).batches(tally)
        )
        spent = time.process_time() - start
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"\n{count:,} customers, {pairs:,} identifiers, {sum(tally.refused.values()):,} refused")
    print(f"{spent:.1f} CPU-s, {spent / count * 1e6:.1f} us a customer")
    print(f"peak memory {after / 1024:.0f} MB ({before / 1024:.0f} MB before reading)")


if __name__ == "__main__":
    total = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    by_kind(min(total, 20_000))
    whole(total)
