"""Every key and topic in Redis, how long it lives and why. Nothing else writes to Redis.

The part in braces is Cluster's hash tag: what one script touches lives on one node.

`starling:{SESSION}:state`, hash: token, number, owner, tenant, secret,
    snapshot, seq, closed.
    Lives `session_ttl_s` after the last commit or touch: so long a lost client may stay away, and
    so long a transcript can be fetched.
`starling:{SESSION}:log`, stream: kept events under the entry id `SEQ-0`, so that Redis itself
    refuses a number twice. Renewed with the state.
`starling:{SESSION}:shares`, sorted set: SHA-256 of each share's token by when it expires (Unix
    seconds of Redis). Lives as long as its longest share, or until the session is erased.
`starling:{tenant TENANT}:sessions`, sorted set: open sessions by when their place expires.
    `TENANT_PLACE_TTL_S` after the last renewal: a replica that died frees its places by time.
`starling:{replicas}:seen`, sorted set: replicas by their last heartbeat.
    Entries older than `REPLICA_TTL_S` are removed at each heartbeat.
`starling:{replicas}:load`, hash: what each replica said of itself. Goes with its entry in `seen`.

Topics keep nothing. On `starling:{SESSION}:live` each commit says `log SEQ` when the log has grown
to SEQ, the owner sends interims while somebody watches, and it is told when the session was erased
or a share revoked (`streaming/live_messages.py`). On `starling:owners` owners are asked: `watch
SESSION`, again and again while a viewer is there, and `erase SESSION`.
"""

PREFIX = "starling"

TENANT_PLACE_TTL_S = 30
REPLICA_TTL_S = 15
HEARTBEAT_S = 5
"""A third of the shortest life above, so that two lost heartbeats expire nothing."""

OWNERS_TOPIC = f"{PREFIX}:owners"
"""Asks the owner of a session for something; every replica listens."""


def state_key(session_id: str) -> str:
    """Return the key of a session's state."""
    return f"{PREFIX}:{{{session_id}}}:state"


def log_key(session_id: str) -> str:
    """Return the key of a session's log."""
    return f"{PREFIX}:{{{session_id}}}:log"


def shares_key(session_id: str) -> str:
    """Return the key of a session's shares."""
    return f"{PREFIX}:{{{session_id}}}:shares"


def live_topic(session_id: str) -> str:
    """Return the topic on which a session is followed live."""
    return f"{PREFIX}:{{{session_id}}}:live"


def log_notice(seq: int) -> bytes:
    """Return the live message that says how far the log goes."""
    return b"log %d" % seq


def tenant_key(tenant: str) -> str:
    """Return the key of a tenant's open sessions."""
    return f"{PREFIX}:{{tenant {tenant}}}:sessions"


REPLICAS_SEEN_KEY = f"{PREFIX}:{{replicas}}:seen"
REPLICAS_LOAD_KEY = f"{PREFIX}:{{replicas}}:load"
