"""What owners write, as it goes to Redis: calls of the scripts in server/store/redis/scripts."""

import hashlib

from processes import ROOT

_FOLDER = ROOT / "server/store/redis/scripts"


def _sha1(text):
    return hashlib.sha1(text).hexdigest().encode()


# Each travels behind what several share (server/store/redis/CMakeLists.txt): known by their ends, as they are loaded.
_BODIES = {name: (_FOLDER / f"{name}.lua").read_bytes() for name in ("own", "renew")}
_NAMES = {}  # by SHA-1


def _learn(text):
    for name, body in _BODIES.items():
        if text.endswith(body):
            _NAMES[_sha1(text)] = name
            return name
    return None


def kind_of(words):
    """What an owner writes by this command: "heartbeat", or the word that own.lua has for it; None: it is no such write."""
    match words:
        case [b"SCRIPT", b"LOAD", text]:
            _learn(text)
        case [b"EVALSHA", sha, b"1", _, _, _, _, _, what, *_] if _NAMES.get(sha) == "own":
            return what.decode()
        case [b"EVALSHA", sha, b"1", _, _, _, _, *models_and_jobs] if _NAMES.get(sha) == "renew":
            for _ in ("that it has", "that it could load"):  # each behind its number
                models_and_jobs = models_and_jobs[1 + int(models_and_jobs[0]):]
            return "heartbeat" if models_and_jobs else None
    return None


# In own.lua, only whoever has the token is bound to the order of his writes, and everybody may write; in renew.lua,
# everybody's lease is renewed.
_UNFENCED = {
    "own": (("if held[1] ~= ARGV[2] then", "if false then"),
            ("local written = tonumber(held[2] or '0')", "if held[1] == ARGV[2] then local written = tonumber(held[2] or '0')"),
            ("redis.call('HSET', key('job', id), 'written', ARGV[3])", "redis.call('HSET', key('job', id), 'written', ARGV[3]) end")),
    "renew": (("redis.call('HGET', key('job', ARGV[i]), 'token') == ARGV[i + 1]", "true"),),
}


_CALLED = {}  # by the SHA-1 of what a replica loads, that of what is loaded instead


def _unfenced(name, loaded):
    text = loaded.decode()
    for old, new in _UNFENCED[name]:
        assert text.count(old) == 1, f"{name}.lua is not written as it was: {old}"
        text = text.replace(old, new)
    _CALLED[_sha1(loaded)] = _sha1(text.encode())
    return text.encode()


def without_fencing(words):
    """The command, as of a product whose scripts do not look at the token: what the checker must find out."""
    match words:
        case [b"SCRIPT", b"LOAD", text]:
            name = _learn(text)
            return [b"SCRIPT", b"LOAD", _unfenced(name, text) if name else text]
        case [b"EVALSHA", sha, *rest]:
            return [b"EVALSHA", _CALLED.get(sha, sha), *rest]
    return words
