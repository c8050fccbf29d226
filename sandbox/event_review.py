"""Staff of a trial who answer what is in doubt about their events: they know what was held, where, and as what.

What belongs here: which of the offered answers is true. What does not: the questions and what answers decide
(`publishing.review`), and judging what comes of it.

They know everything and answer everything, which real staff do not: what a trial shows with them is what the questions
can settle at most.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any

from ingest.config import EventDecision
from publishing.review import Question, Telling

Claim = tuple[str, str, str]


def answers(
    questions: Iterable[Question],
    holdings: Mapping[str, Mapping[str, Any]],
    behind: Mapping[Claim, str],
    counted: Mapping[str, Iterable[str]],
    decided_on: date,
) -> Iterator[EventDecision]:
    """The decisions that true answers make.

    Args:
        holdings: `EventTrial.holdings` by holding_id.
        behind: the holding behind each claim (source_id, series_id, slot).
        counted: the events that count now, by the holding behind them: whoever answers sees the year's list.
    """

    def holding(telling: Telling) -> str:
        return behind[telling.claim["source_id"], telling.claim["series_id"], telling.claim["slot"]]

    asked = list(questions)
    same = {
        question.about.event_id: number
        for question in asked
        for number, other in reversed(list(enumerate(question.others, start=1)))
        if holding(other) == holding(question.about)
    }
    # Of several events of one holding one stays: the first of the year's list, and what answers put together with it.
    kept = {holding_id: {min(event_ids)} for holding_id, event_ids in counted.items()}
    for question in asked:
        about = question.about.event_id
        if number := same.get(about):
            other = question.others[number - 1].event_id
            stays = kept.setdefault(holding(question.about), {other})
            if stays & {about, other}:
                stays |= {about, other}
    for question in asked:
        about = question.about.event_id
        true = holdings[holding(question.about)]
        yes, no, *_ = question.answers
        if about in same:
            answer = f"samme som {same[about]}"
        elif true["is_counted"] and about in kept.setdefault(holding(question.about), {about}):
            answer = yes
        else:
            answer = no
        stubs = list(question.answers[answer])
        if answer != no and true["branch_id"] not in (None, question.about.branch_id):
            claim = dict(question.about.claim)
            stubs.append({"verdict": "owner_branch", "claims": [claim], "branch_id": true["branch_id"]})
        for stub in stubs:
            yield EventDecision.model_validate(
                {**stub, "reason": f"{question.kind}: {answer}", "decided_on": decided_on, "decided_by": "branch staff"}
            )
