"""Which container a file is, told from its first bytes.

FFmpeg's own probing would also accept playlists, which open files and addresses on the server, so
the demuxer is always named from this list.
"""

from server.container_decoder import container_format

SIGNATURE_BYTES = 16

_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (4, b"ftyp", "mov"),
    (4, b"moov", "mov"),
    (4, b"mdat", "mov"),
    (0, b"FORM", "aiff"),
    (0, b"RF64", "wav"),
    (0, b"RIFX", "wav"),
    (0, b"riff.\x91\xcf\x11", "w64"),
    (0, b"caff", "caf"),
    (0, b".snd", "au"),
    (0, b"#!AMR", "amr"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "asf"),
    (0, b"FLV\x01", "flv"),
    (0, b"MAC ", "ape"),
    (0, b"wvpk", "wv"),
    (0, b"ADIF", "aac"),
)


def file_format(head: bytes) -> str | None:
    """Return FFmpeg's name of the format of a file that begins with these bytes, if it is taken."""
    known = container_format(head)
    if known is not None:
        return known
    for offset, signature, name in _SIGNATURES:
        if head[offset : offset + len(signature)] == signature:
            return name
    if head.startswith(b"RIFF") and head[8:12] == b"AVI ":
        return "avi"
    # ADTS: twelve sync bits, then layer 0.
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0:
        return "aac"
    return "mpegts" if head[:1] == b"\x47" and head[4:5] != b"\x47" else None
