"""The steps of a rotation, without a cluster: at each of them, every leaf that may be served is trusted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from webhook.authorities import ROTATE_ANNOTATION, Authorities, authorities_in, secret_of
from webhook.certs import BadCertificate, new_authority

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


def clock() -> datetime:
    return NOW


def stored(authorities: Authorities, **annotations: str) -> Authorities:
    """As they are read again, after somebody has written annotations of theirs."""
    secret = secret_of(authorities, "gitops-system")
    secret["metadata"].setdefault("annotations", {}).update(annotations)
    return authorities_in(secret, clock=clock)


def trusted(authorities: Authorities) -> set[x509.Certificate]:
    return set(x509.load_pem_x509_certificates(authorities.bundle_pem))


def asked(authorities: Authorities, value: str = "now") -> Authorities:
    return stored(authorities, **{ROTATE_ANNOTATION: value})


@pytest.fixture
def first() -> Authorities:
    return Authorities(present=new_authority(clock=clock))


def test_nothing_is_rotated_that_need_not_be(first: Authorities) -> None:
    assert first.next_step(clock=clock) is None


def test_who_signs_is_trusted_before_and_after(first: Authorities) -> None:
    announced = asked(first).next_step(clock=clock)
    assert announced is not None
    assert announced.present.certificate == first.present.certificate
    assert trusted(announced) > trusted(first)

    switched = stored(announced).next_step(clock=clock)
    assert switched is not None
    assert announced.coming is not None
    assert switched.present.certificate == announced.coming.certificate
    assert trusted(switched) == trusted(announced)

    settled = stored(switched).next_step(clock=clock)
    assert settled is not None
    assert trusted(settled) == {switched.present.certificate}
    assert stored(settled).next_step(clock=clock) is None


def test_a_request_counts_once(first: Authorities) -> None:
    at = asked(first)
    for _ in range(3):
        step = at.next_step(clock=clock)
        assert step is not None
        at = stored(step)
    assert asked(at, "now").next_step(clock=clock) is None
    assert asked(at, "again").next_step(clock=clock) is not None


def test_a_request_in_the_middle_of_a_rotation_is_met_after_it(first: Authorities) -> None:
    announced = asked(first).next_step(clock=clock)
    assert announced is not None
    at = asked(announced, "again")
    for _ in range(2):
        step = at.next_step(clock=clock)
        assert step is not None
        at = stored(step)
    assert at.is_settled
    assert at.is_due(clock=clock)


def test_an_authority_is_renewed_a_year_before_its_end(first: Authorities) -> None:
    end = first.present.certificate.not_valid_after_utc
    assert first.next_step(clock=lambda: end - timedelta(days=366)) is None
    assert first.next_step(clock=lambda: end - timedelta(days=364)) is not None


def test_what_is_half_rotated_survives_its_secret(first: Authorities) -> None:
    announced = asked(first).next_step(clock=clock)
    assert announced is not None
    switched = announced.next_step(clock=clock)
    assert switched is not None
    for one in (announced, switched):
        again = stored(one)
        assert (again.bundle_pem, again.met, again.asked) == (one.bundle_pem, "now", "")


def test_a_damaged_next_authority_is_an_error_too(first: Authorities) -> None:
    announced = asked(first).next_step(clock=clock)
    assert announced is not None
    secret = secret_of(announced, "gitops-system")
    del secret["data"]["next.key"]
    with pytest.raises(BadCertificate, match="no readable certificate and key"):
        authorities_in(secret, clock=clock)


def test_no_key_is_in_what_is_printed(first: Authorities) -> None:
    announced = asked(first).next_step(clock=clock)
    assert "PRIVATE" not in repr(announced)
    assert "key=" not in repr(announced)


def test_a_leaf_is_due_when_a_third_of_its_life_is_left(first: Authorities) -> None:
    leaf = first.present.issue(["127.0.0.1"], clock=clock)
    assert not leaf.is_due(clock=lambda: NOW + timedelta(days=59))
    assert leaf.is_due(clock=lambda: NOW + timedelta(days=61))
