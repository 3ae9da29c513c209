"""Weighted prompts in windows, as AUTOMATIC1111's stable-diffusion-webui makes them with its default options: the reference of what diffusers
does not have.

After its published algorithm (modules/prompt_parser.py: parse_prompt_attention; modules/sd_hijack_clip.py: tokenize_line, process_tokens;
modules/sd_emphasis.py: EmphasisOriginal), written anew. It reads well-formed prompts only, and differs in one thing: BREAK works within
brackets, too, where the web UI takes it for a word.
"""

import re

import torch

TOKEN = re.compile(r"""
    \\(?P<escaped>[()\[\]:\\])      |
    (?P<stray>\\)                   |
    (?P<open>[(\[])                 |
    :\s*(?P<weight>[+-]?[.0-9]+)\s*\) |
    (?P<close>[)\]])                |
    (?P<colon>:)                    |
    (?P<words>[^\\()\[\]:]+)
""", re.VERBOSE)
BREAK = re.compile(r"\s*\bBREAK\b\s*")
ROOM = 75  # tokens of a window
COMMA_REACH = 20


def parse(text):
    """A list of [text, weight]; None in place of a BREAK."""
    pieces, opened = [], []

    def close(factor):
        for piece in pieces[opened.pop():]:
            if piece is not None:
                piece[1] *= factor

    for match in TOKEN.finditer(text):
        kind, value = match.lastgroup, match[match.lastgroup]
        if kind == "open":
            opened.append(len(pieces))
        elif kind == "weight":
            close(float(value))
        elif kind == "close":
            close(1.1 if value == ")" else 1 / 1.1)
        elif kind == "words":
            for i, words in enumerate(BREAK.split(value)):
                pieces += [None] if i > 0 else []
                pieces += [[words, 1.0]] if words else []
        elif kind != "stray":
            pieces.append([value, 1.0])

    merged = []
    for piece in pieces:
        if merged and piece is not None and merged[-1] is not None and merged[-1][1] == piece[1]:
            merged[-1][0] += piece[0]
        else:
            merged.append(piece)
    return merged


def windows(tokenizer, pieces):
    """A list of (ids, weights), 77 of each."""
    comma = tokenizer.convert_tokens_to_ids(",</w>")
    finished, tokens, last_comma = [], [], -1  # tokens: (id, weight)

    def finish(kept):
        nonlocal tokens, last_comma
        window, tokens, last_comma = tokens[:kept], tokens[kept:], -1
        ids = [tokenizer.bos_token_id] + [token for token, _ in window] + [tokenizer.eos_token_id]
        weights = [1.0] + [weight for _, weight in window] + [1.0]
        padding = ROOM + 2 - len(ids)
        finished.append((ids + [tokenizer.pad_token_id] * padding, weights + [1.0] * padding))

    for piece in pieces:
        if piece is None:
            finish(ROOM)
            continue
        text, weight = piece
        for token in tokenizer(text, truncation=False, add_special_tokens=False).input_ids:
            if len(tokens) == ROOM:
                moves = token != comma and last_comma != -1 and len(tokens) - last_comma <= COMMA_REACH
                finish(last_comma + 1 if moves else ROOM)
            if token == comma:
                last_comma = len(tokens)
            tokens.append((token, weight))
    if tokens or not finished:
        finish(ROOM)
    return finished


def last_states(text_encoder, ids, clip_skip):
    """[1, 77] -> [1, 77, D]: the states after all layers but the last `clip_skip`, normalised."""
    with torch.no_grad():
        states = text_encoder(ids, output_hidden_states=True).hidden_states
        return text_encoder.final_layer_norm(states[-1 - clip_skip])


def states(tokenizer, text_encoder, prompt, clip_skip=0):
    """[1, 77 * windows, D]"""
    parts = []
    for ids, weights in windows(tokenizer, parse(prompt)):
        plain = last_states(text_encoder, torch.tensor([ids]), clip_skip)
        if any(weight != 1 for weight in weights):
            weighted = plain * torch.tensor(weights).view(1, -1, 1)
            # latentd leaves out a factor that says nothing: tests of it must not come near.
            assert all(abs(s.mean()) > 0.03 * s.square().mean().sqrt() for s in (plain, weighted)) and plain.mean() * weighted.mean() > 0
            plain = weighted * (plain.mean() / weighted.mean())
        parts.append(plain)
    return torch.cat(parts, dim=1)
