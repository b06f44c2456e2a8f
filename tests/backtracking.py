"""How many steps Python's `re` may take over a text: its backtracking, step by step, on the pattern's own parse tree.

`re` does not say how much it looked at, and time on a busy machine says little. `Steps` is the textbook machine for
such patterns (branches are tried in order, what was put off waits on a stack; possessive and atomic parts forget what
they put off), and counts. It is no slower and no faster in its order of growth than the C code, which skips ahead in
some cases and never looks back in others that this looks at: a bound from above, up to a constant factor.
"""

from __future__ import annotations

import re
from functools import lru_cache
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]

MOST_STEPS = 3_000_000
"""Beyond these a text is given up: no honest pattern takes so many for what the tests feed."""
MOST_COPIES = 40
"""A repetition of more than this is taken for one without end: that only makes more steps."""

CHAR, SPLIT, JUMP, AT, LOOK, LOOK_NOT, ATOMIC, ATOMIC_END, MARK, PROGRESS, GROUP, GROUP_END, BACK, DONE = range(14)
_WORD_CATEGORIES = {
    op.CATEGORY_DIGIT: r"\d",
    op.CATEGORY_NOT_DIGIT: r"\D",
    op.CATEGORY_SPACE: r"\s",
    op.CATEGORY_NOT_SPACE: r"\S",
    op.CATEGORY_WORD: r"\w",
    op.CATEGORY_NOT_WORD: r"\W",
}


class TooManySteps(Exception):
    """The text takes more steps than MOST_STEPS."""


class Letters:
    """What one character of a pattern may be: asked of `re` itself, so that categories and case are its own."""

    def __init__(self, node, flags, binary):
        self._known = {}
        self._matches = re.compile(*_of_letter(node, flags, binary)).match
        self._binary = binary

    def __contains__(self, letter):
        found = self._known.get(letter)
        if found is None:
            text = bytes((letter,)) if self._binary else letter
            found = self._known[letter] = self._matches(text) is not None
        return found


def _of_letter(node, flags, binary):
    kind, what = node
    if kind is op.ANY:
        text = "."
    elif kind is op.IN:
        text = "[" + "".join(map(_in_class, what)) + "]"
    else:
        text = f"[{_escaped(what)}]" if kind is op.LITERAL else f"[^{_escaped(what)}]"
    return (text.encode("latin-1") if binary else text), flags & ~re.DEBUG


def _escaped(code):
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"


def _in_class(node):
    kind, what = node
    if kind is op.NEGATE:
        return "^"
    if kind is op.RANGE:
        return f"{_escaped(what[0])}-{_escaped(what[1])}"
    return _WORD_CATEGORIES[what] if kind is op.CATEGORY else _escaped(what)


class Program:
    """A pattern as instructions."""

    def __init__(self, pattern):
        self.binary = isinstance(pattern.pattern, bytes)
        self.flags = pattern.flags
        self.code = []
        self.letters = []
        """Each set of letters that stands in it."""
        self._marks = 0
        self.tree = _parser.parse(pattern.pattern, pattern.flags & ~re.DEBUG)
        self._sequence(self.tree)
        self.code.append((DONE,))

    def _sequence(self, nodes):
        for node in nodes:
            self._node(*node)

    def _node(self, kind, what):
        code = self.code
        if kind in (op.LITERAL, op.NOT_LITERAL, op.ANY, op.IN):
            letters = Letters((kind, what), self.flags, self.binary)
            self.letters.append(letters)
            code.append((CHAR, letters))
        elif kind is op.BRANCH:
            self._branch(what[1])
        elif kind is op.SUBPATTERN:
            code.append((GROUP, what[0]))
            self._sequence(what[3])
            code.append((GROUP_END, what[0]))
        elif kind in (op.MAX_REPEAT, op.MIN_REPEAT):
            self._repeat(*what, lazy=kind is op.MIN_REPEAT)
        elif kind is op.POSSESSIVE_REPEAT:
            code.append((ATOMIC,))
            self._repeat(*what, lazy=False)
            code.append((ATOMIC_END,))
        elif kind is op.ATOMIC_GROUP:
            code.append((ATOMIC,))
            self._sequence(what)
            code.append((ATOMIC_END,))
        elif kind in (op.ASSERT, op.ASSERT_NOT):
            self._look(kind, what)
        elif kind is op.AT:
            code.append((AT, what))
        elif kind is op.GROUPREF:
            code.append((BACK, what))
        else:
            raise NotImplementedError(f"{kind} is not known here: teach tests/backtracking.py")

    def _branch(self, ways):
        code, ends = self.code, []
        for way in ways[:-1]:
            split = len(code)
            code.append(None)
            self._sequence(way)
            ends.append(len(code))
            code.append(None)
            code[split] = (SPLIT, split + 1, len(code))
        self._sequence(ways[-1])
        for end in ends:
            code[end] = (JUMP, len(code))

    def _repeat(self, least, most, body, *, lazy):
        code = self.code
        for _ in range(min(least, MOST_COPIES)):
            self._sequence(body)
        if most is not op.MAXREPEAT and most - least <= MOST_COPIES:
            splits = []
            for _ in range(most - least):
                splits.append(len(code))
                code.append(None)
                self._sequence(body)
            for at in splits:
                code[at] = (SPLIT, len(code), at + 1) if lazy else (SPLIT, at + 1, len(code))
            return
        mark, self._marks = self._marks, self._marks + 1
        split = len(code)
        code += [None, (MARK, mark)]
        self._sequence(body)
        code += [(PROGRESS, mark), (JUMP, split)]
        code[split] = (SPLIT, len(code), split + 1) if lazy else (SPLIT, split + 1, len(code))

    def _look(self, kind, what):
        direction, body = what
        inner = object.__new__(Program)
        inner.binary, inner.flags, inner.code, inner.letters, inner._marks = self.binary, self.flags, [], [], 0
        inner.tree = body
        inner._sequence(body)
        inner.code.append((DONE,))
        self.letters += inner.letters
        back = body.getwidth()[0] if direction < 0 else 0
        self.code.append((LOOK if kind is op.ASSERT else LOOK_NOT, inner, back))


def _word(text, at):
    return 0 <= at < len(text) and re.match(rb"\w" if isinstance(text, bytes) else r"\w", text[at : at + 1]) is not None


def _holds(where, text, at, end):
    if where in (op.AT_BEGINNING, op.AT_BEGINNING_STRING):
        return at == 0
    if where is op.AT_END_STRING:
        return at == end
    if where is op.AT_END:
        return at == end or (at == end - 1 and text[at : at + 1] in (b"\n", "\n"))
    return (_word(text, at - 1) != _word(text, at)) is (where is op.AT_BOUNDARY)


class Steps:
    """Runs a pattern over texts and counts."""

    def __init__(self, pattern):
        self._program = program_of(pattern)
        self.count = 0

    def match(self, text, at=0, end=None, *, whole=False):
        """Where a match that begins at `at` ends; None when there is none."""
        end = len(text) if end is None else min(end, len(text))
        return self._run(self._program, text, at, end, whole=whole)

    def search(self, text, at=0, end=None):
        """(start, end) of the first match."""
        end = len(text) if end is None else min(end, len(text))
        for start in range(at, end + 1):
            found = self.match(text, start, end)
            if found is not None:
                return start, found
        return None

    def _run(self, program, text, at, end, *, whole):
        code, stack, atomic, marks, groups = program.code, [], (), {}, {}
        here, steps = 0, 0
        while True:
            steps += 1
            if steps > MOST_STEPS:
                self.count += steps
                raise TooManySteps
            instruction = code[here]
            kind = instruction[0]
            if kind == CHAR:
                good = at < end and text[at] in instruction[1]
                at += 1
                here += 1
            elif kind == SPLIT:
                stack.append((instruction[2], at, atomic, marks, groups))
                here, good = instruction[1], True
            elif kind == JUMP:
                here, good = instruction[1], True
            elif kind == DONE:
                if not whole or at == end:
                    self.count += steps
                    return at
                good = False
            else:
                here, at, atomic, marks, groups, good = self._rare(
                    instruction, text, here, at, end, stack, atomic, marks, groups
                )
            if not good:
                if not stack:
                    self.count += steps
                    return None
                here, at, atomic, marks, groups = stack.pop()

    def _rare(self, instruction, text, here, at, end, stack, atomic, marks, groups):
        kind, good = instruction[0], True
        if kind == MARK:
            marks = marks | {instruction[1]: at}
        elif kind == PROGRESS:
            good = marks.get(instruction[1]) != at
        elif kind == ATOMIC:
            atomic = (len(stack), atomic)
        elif kind == ATOMIC_END:
            height, atomic = atomic
            del stack[height:]
        elif kind == GROUP:
            groups = groups | {("from", instruction[1]): at}
        elif kind == GROUP_END:
            groups = groups | {instruction[1]: (groups["from", instruction[1]], at)}
        elif kind == BACK:
            low, high = groups.get(instruction[1], (0, -1))
            good = high >= low and text[low:high] == text[at : at + high - low]
            at += max(0, high - low)
        elif kind == AT:
            good = _holds(instruction[1], text, at, end)
        else:
            start = at - instruction[2]
            found = start >= 0 and self._run(instruction[1], text, start, end, whole=False) is not None
            good = found is (kind == LOOK)
        return here + 1, at, atomic, marks, groups, good


@lru_cache(maxsize=1024)
def program_of(pattern):
    """The program of a compiled pattern."""
    return Program(pattern)


# -- attacks ----------------------------------------------------------------------------------------------------------

LETTERS = [chr(code) for code in range(256)]
MOST_CLASSES = 12


def classes(pattern):
    """One letter for each way in which the pattern's sets tell letters apart, plainest first."""
    letters = program_of(pattern).letters
    binary = isinstance(pattern.pattern, bytes)
    found = {}
    for letter in sorted(LETTERS, key=lambda one: (not one.isalnum(), one)):
        shape = tuple((ord(letter) if binary else letter) in one for one in letters)
        found.setdefault(shape, letter)
    return list(found.values())


def samples(nodes, depth=0):
    """A few short texts that a part of a pattern matches."""
    made = [""]
    for kind, what in nodes:
        made = [before + after for before in made[:3] for after in _samples(kind, what, depth)[:3]][:4]
    return made


def _samples(kind, what, depth):
    if kind is op.LITERAL:
        return [chr(what)]
    if kind in (op.IN, op.NOT_LITERAL, op.ANY):
        letters = Letters((kind, what), 0, binary=False)
        return [letter for letter in 'a0 \t"\\,;=-/.%:<' + "".join(LETTERS) if letter in letters][:2]
    if kind is op.BRANCH:
        return [text for way in what[1] for text in samples(way, depth + 1)[:1]][:4]
    if kind is op.SUBPATTERN:
        return samples(what[3], depth + 1)
    if kind is op.ATOMIC_GROUP:
        return samples(what, depth + 1)
    if kind in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT):
        one = samples(what[2], depth + 1)
        least = [text * min(what[0], MOST_COPIES) for text in one[:2]]
        return least if what[0] else ["", *one[:2]]
    return [""]


def repeats(nodes, before=("",)):
    """(what leads to it, what it repeats) of every repetition without a small end."""
    for kind, what in nodes:
        if kind in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT):
            body = what[2]
            if what[1] is op.MAXREPEAT or what[1] > MOST_COPIES:
                yield before[0], samples(body)
            yield from repeats(body, before)
        elif kind is op.BRANCH:
            for way in what[1]:
                yield from repeats(way, before)
        elif kind is op.SUBPATTERN:
            yield from repeats(what[3], before)
        elif kind is op.ATOMIC_GROUP:
            yield from repeats(what, before)
        elif kind in (op.ASSERT, op.ASSERT_NOT):
            yield from repeats(what[1], before)
        before = tuple(one + more for one in before for more in (_samples(kind, what, 0) or [""])[-1:])


def attacks(pattern):
    """(head, unit, end) of texts `head + unit * n + end` that make a careless pattern look back."""
    letters = classes(pattern)[:MOST_CLASSES]
    found = list(repeats(program_of(pattern).tree))
    if not found:
        return []
    heads = dict.fromkeys(["", *(head for head, _ in found)])
    units = dict.fromkeys([*letters, *(text for _, body in found for text in body if text)])
    units |= dict.fromkeys(one + other for one in letters[:8] for other in letters[:8] if one != other)
    ends = ("\0", '"', "")
    return [(head, unit, end) for head in heads for unit in units for end in ends]


def growth(pattern, attack, size, method):
    """Steps over the attack of about `size` letters and of four times as many."""
    return tuple(steps(pattern, attack, length, method) for length in (size, 4 * size))


def steps(pattern, attack, length, method):
    """Steps over one attack; beyond all bounds, MOST_STEPS."""
    head, unit, end = attack
    text = head + unit * (length // len(unit)) + end
    if isinstance(pattern.pattern, bytes):
        text = text.encode("latin-1", "replace")
    machine = Steps(pattern)
    try:
        if method == "search":
            machine.search(text)
        else:
            machine.match(text, whole=method == "fullmatch")
    except TooManySteps:
        return MOST_STEPS
    return machine.count


SIZES = (24, 160)
"""Letters of the first look, and of the one that counts: beyond every bounded repetition that is copied."""
STEEPEST = 6
"""Four times the text may cost so many times as much: linear is 4, quadratic 16."""


def worst(pattern, methods):
    """(method, head, unit, end, steps, steps over four times as much) of an attack that grows faster than its text."""
    for method in methods:
        for attack in attacks(pattern):
            first, more = growth(pattern, attack, SIZES[0], method)
            if more <= STEEPEST * first and more < MOST_STEPS:
                continue
            first, more = growth(pattern, attack, SIZES[1], method)
            if more > STEEPEST * first or more >= MOST_STEPS:
                return method, *attack, first, more
    return None
