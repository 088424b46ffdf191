"""Which certificate is served and which authorities are trusted, step by step: whatever is served is always trusted."""

from __future__ import annotations

import random

import pytest
from cryptography import x509

from webhook.certs import Authority, new_authority
from webhook.provided import Provided
from webhook.trust import Bundle, Trust

WAIT = 10.0


class Time:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


def by(*authorities: Authority) -> Provided:
    """A new certificate, by the last of them."""
    leaf = authorities[-1].issue(["127.0.0.1"])
    return Provided(leaf=leaf, authorities=frozenset(one.certificate for one in authorities))


def bundle(trust: Trust) -> Bundle:
    return frozenset(x509.load_pem_x509_certificates(trust.bundle_pem))


FIRST, SECOND, THIRD = new_authority(), new_authority(), new_authority()
A, B, C = FIRST.certificate, SECOND.certificate, THIRD.certificate


@pytest.fixture
def trust(time: Time) -> Trust:
    made = Trust(by(FIRST), wait_seconds=WAIT, clock=time)
    made.find([frozenset({A})])
    return made


def test_another_certificate_of_the_same_authority_is_served_at_once(trust: Trust) -> None:
    given = by(FIRST)
    assert trust.provide(given)
    assert trust.served == given
    assert bundle(trust) == {A}
    assert not trust.provide(given)


def test_another_authority_is_trusted_before_and_the_one_before_after(trust: Trust, time: Time) -> None:
    given = by(SECOND)
    assert not trust.provide(given)
    assert bundle(trust) == {A, B}
    time.now += 5 * WAIT
    assert not trust.step()  # nobody has written it yet
    trust.find([frozenset({A, B}), frozenset({A})])
    assert not trust.step()  # not everywhere
    trust.find([frozenset({A, B})])
    assert not trust.step()
    time.now += WAIT - 1
    assert not trust.step()
    time.now += 1
    assert trust.step()
    assert trust.served == given
    assert bundle(trust) == {A, B}
    time.now += WAIT
    assert not trust.step()
    assert bundle(trust) == {B}
    assert not trust.is_changing


def test_one_that_is_replaced_before_it_is_served_is_never_served(trust: Trust, time: Time) -> None:
    trust.provide(by(SECOND))
    trust.find([frozenset({A, B})])
    trust.step()
    time.now += WAIT - 1
    given = by(THIRD)
    assert not trust.provide(given)
    time.now += 1
    assert not trust.step()
    assert bundle(trust) == {A, B, C}  # a replica that has just started serves it
    trust.find([frozenset({A, B, C})])
    trust.step()
    time.now += WAIT
    assert trust.step()
    assert trust.served == given
    time.now += WAIT
    trust.step()
    assert bundle(trust) == {C}


def test_who_starts_keeps_what_others_serve_and_is_ready_when_trusted(time: Time) -> None:
    trust = Trust(by(SECOND), wait_seconds=WAIT, clock=time)
    trust.find([frozenset({A})])
    assert bundle(trust) == {A, B}
    assert not trust.is_trusted
    trust.find([frozenset({A, B})])
    assert trust.is_trusted
    time.now += WAIT
    trust.step()
    assert bundle(trust) == {B}


def test_where_there_is_no_configuration_nobody_has_to_trust(time: Time) -> None:
    trust = Trust(by(FIRST), wait_seconds=WAIT, clock=time)
    trust.find(None)
    assert trust.is_trusted
    assert bundle(trust) == {A}


def test_what_another_replica_has_forgotten_is_not_put_back(trust: Trust, time: Time) -> None:
    trust.provide(by(SECOND))
    trust.find([frozenset({A, B})])
    trust.step()
    time.now += WAIT
    assert trust.step()
    trust.find([frozenset({B})])
    assert bundle(trust) == {B}


def test_what_is_served_is_put_back_whoever_took_it_out(trust: Trust) -> None:
    trust.find([frozenset({C})])
    assert bundle(trust) >= {A}


@pytest.mark.parametrize("seed", range(30))
def test_replicas_that_write_one_configuration_never_serve_what_it_does_not_trust(seed: int, time: Time) -> None:
    """Three replicas that see everything late, one at a time, and write whenever they like."""
    chance = random.Random(seed)
    secret = by(FIRST)
    replicas = [Trust(secret, wait_seconds=WAIT, clock=time) for _ in range(3)]
    configuration = frozenset({A})
    for number in range(400):
        time.now += 0.5
        if number in {40, 150, 160}:
            secret = by({40: SECOND, 150: THIRD, 160: FIRST}[number])
        for one in replicas:
            if chance.random() < 0.7 or number % 8 == 0:
                one.provide(secret)
                one.find([configuration])
                one.step()
                configuration = bundle(one)
        assert all(one.served.authorities <= configuration for one in replicas), number
    assert {bundle(one) for one in replicas} == {frozenset({A})}
    assert {one.served for one in replicas} == {secret}
