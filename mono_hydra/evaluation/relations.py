"""What is said about objects beyond themselves: relations between them, and the room each is in."""

from __future__ import annotations

from typing import Any

from mono_hydra.evaluation.graph_file import OBJECTS, GraphFile
from mono_hydra.evaluation.objects import Matches, ObjectSet
from mono_hydra.evaluation.summary import precision_recall

SYMMETRIC = frozenset({"next_to"})
Triple = tuple[int, str, int]


def score_relations(
    graph: GraphFile,
    estimated: ObjectSet,
    true: ObjectSet,
    matches: Matches,
    true_triples: list[Triple],
) -> dict[str, Any]:
    """Precision, recall and f1 of each predicate over triples among matched objects."""
    true_of = {estimated.ids[i]: true.ids[j] for i, j in matches.pairs}
    judged = set(true_of.values())
    wanted = {_canonical(t) for t in true_triples if t[0] in judged and t[2] in judged}
    said = set()
    for edge in graph.edges_of(OBJECTS):
        for predicate, subject, thing in edge.metadata.get("relations") or []:
            if int(subject) in true_of and int(thing) in true_of:
                triple = (true_of[int(subject)], str(predicate), true_of[int(thing)])
                said.add(_canonical(triple))
    predicates = sorted({t[1] for t in wanted | said})
    scores: dict[str, Any] = {}
    for predicate in predicates:
        a = {t for t in said if t[1] == predicate}
        b = {t for t in wanted if t[1] == predicate}
        scores[predicate] = precision_recall(len(a & b), len(a - b), len(b - a))
    return scores


def room_accuracy(
    estimated: ObjectSet, true: ObjectSet, matches: Matches, room_match: dict[int, int]
) -> float | None:
    """Share of matched objects whose room is the one matched to their true room.

    Args:
        estimated: objects of the run.
        true: true objects.
        matches: pairs within 0.5 m.
        room_match: estimated room id -> true room id.
    """
    judged = [(i, j) for i, j in matches.pairs if true.rooms[j]]
    if not judged:
        return None
    right = 0
    for i, j in judged:
        room = estimated.rooms[i]
        right += room is not None and room_match.get(room) == true.rooms[j]
    return right / len(judged)


def _canonical(triple: Triple) -> Triple:
    subject, predicate, thing = triple
    if predicate in SYMMETRIC and subject > thing:
        return thing, predicate, subject
    return triple
