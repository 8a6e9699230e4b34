"""Key terms of texts, with weights.

A candidate is a run of one to three words between stop words and punctuation, as in RAKE (Rose et al., 2010). It weighs
what its words weigh by degree and frequency, times in how many pages it stands, less for what stands in all of them
(TF-IDF), and more for what the product says of itself.

Rules that must stay true here:
- The same texts give the same terms, in the same order.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

LONGEST = 3  # words of a term
_WORD = re.compile(r"[^\W\d_](?:[\w'’-]*[^\W_])?")
_BREAK = re.compile(r"[^\w\s'’-]+")
_RELATED = 0.6  # what each word that the product says of itself adds

STOP_WORDS = frozenset(Path(__file__).with_name("stop_words.txt").read_text("utf-8").split())


def candidates(text: str) -> list[str]:
    """The runs of words that may be terms, in order; whole runs, and what they are made of."""
    found = []
    for part in _BREAK.split(text.lower()):
        run: list[str] = []
        for word in [*_WORD.findall(part), ""]:
            if word and word not in STOP_WORDS and len(word) > 2:
                run.append(word)
                continue
            for size in range(1, LONGEST + 1):
                found += [" ".join(run[start : start + size]) for start in range(len(run) - size + 1)]
            run = []
    return found


def words(text: str) -> set[str]:
    """The words of a text that say something, without their endings."""
    return {_stem(word) for word in _WORD.findall(text.lower()) if word not in STOP_WORDS and len(word) > 2}


def key_terms(texts: Sequence[str], related: Iterable[str], most: int) -> list[tuple[str, float]]:
    """Up to `most` terms with their weights, the heaviest first, which has 1. `related` are texts of the product."""
    pages: Counter[str] = Counter()
    total: Counter[str] = Counter()
    forms: defaultdict[str, Counter[str]] = defaultdict(Counter)  # a term without endings, as it was written
    for text in texts:
        found = candidates(text)
        stems = [_stems(term) for term in found]
        pages.update(set(stems))
        total.update(stems)
        for stem, term in zip(stems, found, strict=True):
            forms[stem][term] += 1
    degree: defaultdict[str, int] = defaultdict(int)
    for term, count in total.items():
        for word in term.split():
            degree[word] += count * len(term.split())
    product = set().union(*map(words, related)) if related else set()

    def weight(term: str) -> float:
        parts = term.split()
        of_words = sum(degree[word] / total[word] for word in parts) / len(parts)
        rarity = math.log((1 + len(texts)) / (1 + pages[term])) + 1
        closeness = 1 + _RELATED * len(product.intersection(parts))
        return of_words * math.sqrt(len(parts)) * total[term] * rarity * closeness

    enough = 2 if len(texts) > 1 else 1
    weights = {term: weight(term) for term, count in total.items() if count >= enough}
    ordered = sorted(weights, key=lambda term: (-weights[term], term))
    chosen = _without_parts(ordered, total)[:most]
    heaviest = weights[chosen[0]] if chosen else 1.0
    return [(_commonest(forms[term]), round(weights[term] / heaviest, 4)) for term in chosen]


def mentions(text: str, term: str) -> int:
    """How often a term stands in a text, as whole words, in the singular or the plural."""
    wanted, there = _stems(term.lower()).split(), _stems(text.lower()).split()
    # A blank on either side of every word, so that neighbours share none.
    return f" {'  '.join(there)} ".count(f" {'  '.join(wanted)} ") if wanted else 0


def _without_parts(ordered: Sequence[str], total: Counter[str]) -> list[str]:
    """The terms without those that hardly ever stand outside of a longer one."""
    chosen: list[str] = []
    for term in ordered:
        longer = [other for other in total if f" {term} " in f" {other} " and other != term and total[other] > 1]
        if not any(total[other] * 2 > total[term] for other in longer) or not longer:
            chosen.append(term)
    return chosen


def _commonest(forms: Counter[str]) -> str:
    return min(forms, key=lambda form: (-forms[form], form))


def _stems(text: str) -> str:
    """A text's words without their endings, with a blank between."""
    return " ".join(_stem(word) for word in _WORD.findall(text))


def _stem(word: str) -> str:
    """A word without the ending of its plural."""
    for ending, instead in (("ies", "y"), ("sses", "ss"), ("s", "")):
        if word.endswith(ending) and len(word) > len(ending) + 2 and not word.endswith("ss"):
            return word[: -len(ending)] + instead
    return word
