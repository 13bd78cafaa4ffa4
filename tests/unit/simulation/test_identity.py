"""Identities and styles: plausible, shared where honest people share, naming nobody."""

import ipaddress

import numpy as np
import pyarrow.compute as pc
import pytest

from stillwatch.simulation.identity import CLIENTS, network, signup_columns
from stillwatch.simulation.interface import NETS, Rows
from stillwatch.simulation.keys import fresh
from stillwatch.simulation.populations import NAMES, POPULATIONS
from stillwatch.simulation.recruit import accounts_of, styles_of


def _rows(name: str, n: int = 400) -> Rows:
    population = POPULATIONS[NAMES[name]]
    return accounts_of(np.random.default_rng(1), population, NAMES[name], n, release=5.0)


@pytest.mark.parametrize("population", POPULATIONS, ids=lambda population: population.name)
def test_addresses_are_public_and_contacts_name_nobody(population: object) -> None:
    rows = _rows(population.name, 60)  # type: ignore[attr-defined]
    columns = signup_columns(rows)
    for address in columns["signup_ip"].drop_null().to_pylist():
        assert ipaddress.ip_address(address).is_global
    assert pc.all(pc.ends_with(columns["email"].drop_null(), ".example")).as_py()
    assert pc.all(pc.starts_with(columns["phone"].drop_null(), "+999")).as_py()


def test_an_account_uses_no_more_addresses_than_it_has() -> None:
    rows = _rows("hobby_chat")
    rows = rows[rows["net"] == NETS.index("home")][:1].repeat(500)
    source = network(rows, fresh(np.random.default_rng(2), 500), 0)
    assert 1 <= len(source.ip.unique()) <= int(rows["addresses"][0])


def test_a_campus_shares_addresses_and_strangers_do_not() -> None:
    def crowd(name: str) -> float:
        rows = _rows(name)
        source = network(rows, fresh(np.random.default_rng(3), len(rows)), 0)
        return len(rows) / len(source.ip.unique())

    assert crowd("classroom") > 5
    assert crowd("templated_pipeline") < 1.1


def test_equal_keys_give_equal_sources_whatever_the_batch() -> None:
    rows, threads = _rows("honest_reseller", 50), fresh(np.random.default_rng(4), 50)
    whole, part = network(rows, threads, 3), network(rows[20:], threads[20:], 3)
    assert whole.ip[20:].to_pylist() == part.ip.to_pylist()


def test_clients_of_one_family_differ() -> None:
    assert len({client.agent for client in CLIENTS}) == len(CLIENTS)
    assert {client.family for client in CLIENTS} == {"browser", "program", "editor"}


def test_styles_follow_their_manner() -> None:
    rng = np.random.default_rng(5)
    harness, hobby = (POPULATIONS[NAMES[name]] for name in ("evaluation_harness", "hobby_chat"))
    a, b = (styles_of(rng, p.manner, fresh(rng, 2000)) for p in (harness, hobby))
    assert (a["max_tokens_p"] > 0).mean() == pytest.approx(0.9, abs=0.03)
    assert (b["max_tokens_p"] > 0).mean() == pytest.approx(0.1, abs=0.03)
    assert set(np.unique(a["max_tokens"])) == set(harness.manner.limits)


def test_a_framework_shares_its_system_prompt_and_an_application_does_not() -> None:
    rng = np.random.default_rng(6)
    frame, app = (POPULATIONS[NAMES[name]] for name in ("agent_framework", "support_back_end"))
    shared = styles_of(rng, frame.manner, fresh(rng, 300))["system_key"]
    own = styles_of(rng, app.manner, fresh(rng, 300))
    assert len(np.unique(shared)) <= 6
    assert len(np.unique(own["system_key"][own["system"] == 3])) == (own["system"] == 3).sum()
