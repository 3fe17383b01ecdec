"""Whether new sessions are taken; `/readyz` and the gRPC health service tell the same."""

from dataclasses import dataclass

from server.session_opening import SessionFactory


@dataclass(frozen=True, slots=True)
class Readiness:
    """The state of each component; all must be `ready`."""

    components: dict[str, str]

    @property
    def is_ready(self) -> bool:
        """Whether sessions are taken."""
        return all(state == "ready" for state in self.components.values())


def readiness(factory: SessionFactory) -> Readiness:
    """Return the present state."""
    return Readiness(
        {
            "engine": "stuck" if factory.services.dispatcher.is_stuck() else "ready",
            "sessions": "closing" if factory.admission.is_closing else "ready",
            "speech": "ready",
        }
    )
