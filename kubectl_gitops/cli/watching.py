"""``drift --watch``: a report that is shown again whenever what the API server tells makes it another one."""

from __future__ import annotations

import logging
from typing import NamedTuple, NoReturn, Protocol

import click

from kubectl_gitops.cli.failures import EXIT_INTERRUPTED
from kubectl_gitops.cli.screen import Screen
from kubectl_gitops.cluster.connection import Cluster
from kubectl_gitops.cluster.watchset import WatchSet
from kubectl_gitops.errors import Forbidden, GitOpsError
from kubectl_gitops.report.model import DriftReport, DriftReportList


class View(NamedTuple):
    """What there is to see. ``report`` is None as long as not all that it takes is known; ``notes`` say what else is.

    ``again_seconds`` is after what time to look again though nothing has happened; None for never.
    """

    report: DriftReport | DriftReportList | None
    notes: tuple[str, ...] = ()
    again_seconds: float | None = None


class Follower(Protocol):
    """Who judges what the watches show, and says what is to be watched."""

    def look(self, watches: WatchSet) -> View:
        """How things are now. Wants of ``watches`` all that it needs."""


def follow(cluster: Cluster, follower: Follower, screen: Screen) -> NoReturn:
    """Show what ``follower`` sees, until Ctrl-C, which ends the command with 130 and without a word.

    Raises Forbidden that says which right is missing, and what the follower raises.
    """
    for name in ("kubectl_gitops", "urllib3"):  # what they have to say, the screen says
        logging.getLogger(name).addHandler(logging.NullHandler())
    try:
        with WatchSet(cluster) as watches:
            while True:
                view = follower.look(watches)
                troubles = (f"out of date: {trouble}; trying again" for trouble in watches.troubles())
                screen.show(view.report, (*view.notes, *troubles))
                watches.wait(view.again_seconds)
    except Forbidden as exc:
        screen.leave()
        raise Forbidden(
            str(exc),
            status=exc.status,
            reason=exc.reason,
            hint=exc.hint or "--watch takes the rights to list and watch",
        ) from exc
    except GitOpsError:
        screen.leave()
        raise
    except KeyboardInterrupt:
        screen.leave()
        raise click.exceptions.Exit(EXIT_INTERRUPTED) from None
