"""After failures in a row nobody asks; then one does, and one answer is enough."""

from stillwatch.gateway.adapters.circuit import Circuit


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_failures_in_a_row_end_the_asking_and_one_answer_begins_it():
    clock = Clock()
    circuit = Circuit(after=2, rest_s=1, clock=clock)
    assert circuit.failed() is True  # worth a word in the log
    assert circuit.may_ask()
    assert circuit.failed() is False
    assert not circuit.may_ask()
    clock.now += 1
    assert [circuit.may_ask() for _ in range(3)] == [True, False, False]
    assert circuit.answered() is True
    assert circuit.answered() is False
    assert all(circuit.may_ask() for _ in range(3))


def test_a_trial_that_is_never_heard_of_is_followed_by_another():
    clock = Clock()
    circuit = Circuit(after=1, rest_s=1, clock=clock)
    circuit.failed()
    clock.now += 1
    assert circuit.may_ask()
    assert not circuit.may_ask()
    clock.now += 1
    assert circuit.may_ask()


def test_answers_between_failures_keep_it_asking():
    circuit = Circuit(after=2, rest_s=1, clock=Clock())
    for _ in range(5):
        circuit.failed()
        circuit.answered()
    assert circuit.may_ask()
