"""What owners write, as it goes to Redis: calls of the scripts in server/store/redis/scripts."""

import hashlib

from processes import ROOT

_FOLDER = ROOT / "server/store/redis/scripts"


def _sha1(text):
    return hashlib.sha1(text.encode()).hexdigest().encode()


def _text(name):
    """As server/store/redis/CMakeLists.txt puts it together."""
    parts = ["common", *(["jobs"] if name in ("create", "own", "reap", "stop") else []), name]
    return "".join((_FOLDER / f"{part}.lua").read_text() for part in parts)


_OWN, _RENEW = _sha1(_text("own")), _sha1(_text("renew"))


def kind_of(words):
    """What an owner writes by this command: "heartbeat", or the word that own.lua has for it; None: it is no such write."""
    match words:
        case [b"EVALSHA", sha, b"1", _, _, _, _, _, what, *_] if sha == _OWN:
            return what.decode()
        case [b"EVALSHA", sha, b"1", _, _, _, _, models, *rest] if sha == _RENEW and len(rest) > int(models):
            return "heartbeat"
    return None


# In own.lua, only whoever has the token is bound to the order of his writes, and everybody may write; in renew.lua,
# everybody's lease is renewed.
_UNFENCED = {
    "own": (("if held[1] ~= ARGV[2] then", "if false then"),
            ("local written = tonumber(held[2] or '0')", "if held[1] == ARGV[2] then local written = tonumber(held[2] or '0')"),
            ("redis.call('HSET', key('job', id), 'written', ARGV[3])", "redis.call('HSET', key('job', id), 'written', ARGV[3]) end")),
    "renew": (("redis.call('HGET', key('job', ARGV[i]), 'token') == ARGV[i + 1]", "true"),),
}


def _unfenced(name):
    text = _text(name)
    for old, new in _UNFENCED[name]:
        assert text.count(old) == 1, f"{name}.lua is not written as it was: {old}"
        text = text.replace(old, new)
    return text


_LOADED = {_text(name).encode(): _unfenced(name).encode() for name in _UNFENCED}
_CALLED = {_sha1(_text(name)): _sha1(_unfenced(name)) for name in _UNFENCED}


def without_fencing(words):
    """The command, as of a product whose scripts do not look at the token: what the checker must find out."""
    match words:
        case [b"SCRIPT", b"LOAD", text]:
            return [b"SCRIPT", b"LOAD", _LOADED.get(text, text)]
        case [b"EVALSHA", sha, *rest]:
            return [b"EVALSHA", _CALLED.get(sha, sha), *rest]
    return words
