"""Whether new sessions are taken; `/readyz` and the gRPC health service tell the same."""

from dataclasses import dataclass

from server.session_opening import SessionFactory

OPTIONAL = frozenset({"store"})
"""What sessions can do without for a while: captions go on, and what waits is written later."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """The state of each component; all but the store must be `ready`."""

    components: dict[str, str]

    @property
    def is_ready(self) -> bool:
        """Whether sessions are taken."""
        return all(
            state == "ready" for name, state in self.components.items() if name not in OPTIONAL
        )


def readiness(factory: SessionFactory) -> Readiness:
    """Return the present state."""
    return Readiness(
        {
            "engine": "stuck" if factory.services.dispatcher.is_stuck() else "ready",
            "sessions": "closing" if factory.admission.is_closing else "ready",
            "speech": "ready",
            "store": "degraded" if factory.keeping.journal.is_degraded else "ready",
        }
    )
