import pytest

from stillwatch.errors import InputError
from stillwatch.hub import members
from stillwatch.hub.members import Role, State


def test_a_member_is_found_again(connection):
    added = members.add(connection, "alpha", "witness", now=7)
    assert members.named(connection, "alpha") == added
    assert (added.role, added.state, added.added) == (Role.WITNESS, State.ACTIVE, 7)
    assert members.listed(connection) == [added]


@pytest.mark.parametrize("name", ["", "Alpha", "a:b", "-a", "a b", "a" * 64, "ä", "a\n"])
def test_a_bad_name_is_refused(connection, name):
    with pytest.raises(InputError, match="cannot be a member's name"):
        members.add(connection, name, "member", now=0)


def test_a_name_is_given_once(connection):
    members.add(connection, "alpha", "member", now=0)
    with pytest.raises(InputError, match="already"):
        members.add(connection, "alpha", "member", now=0)


def test_a_role_is_one_of_three(connection):
    with pytest.raises(InputError, match="choose one of member, witness, operator"):
        members.add(connection, "alpha", "owner", now=0)


def test_every_change_raises_the_rights(connection):
    seen = [members.rights(connection)]
    alpha = members.add(connection, "alpha", "member", now=0)
    seen.append(members.rights(connection))
    members.set_state(connection, alpha, State.SUSPENDED)
    seen.append(members.rights(connection))
    assert seen == [0, 1, 2]
    assert members.named(connection, "alpha").state is State.SUSPENDED
