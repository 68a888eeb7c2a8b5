"""What was counted on a read slide, and what its reader must know: everything between cells and the report, purely."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from services.reasoning.cells import Place, Purpose, ReadField
from services.reasoning.differential import differential
from services.reasoning.factsheet import Circumstances, Counts, facts_of
from services.reasoning.figures import Figure, Note
from services.reasoning.haemogram import Haemogram
from services.reasoning.judging import Judgement, judge
from services.reasoning.knowledge import Knowledge
from services.reasoning.measuring import Distribution, distributions
from services.reasoning.morphology import morphology
from services.reasoning.nuclei import Nuclei, nuclei
from services.reasoning.parasites import parasites
from services.reasoning.platelets import ClumpLimits, platelets

TOO_FEW = "too_few_leukocytes"
"""The rule that holds a slide of which too little could be counted."""


@dataclass(frozen=True)
class Account:
    """A slide in figures, judged by the rules."""

    figures: tuple[Figure, ...]
    distributions: tuple[Distribution, ...]
    judgement: Judgement
    limitations: tuple[Note, ...]
    reached: Mapping[Purpose, int]
    missed_nuclei: tuple[Place, ...]


def count_cells(fields: Sequence[ReadField], knowledge: Knowledge) -> Counts:
    """Everything that is counted. Raises TablesInvalid for a class that classes.yaml lacks."""
    counting = knowledge.counting
    red = morphology(fields, knowledge.classes, knowledge.grading)
    return Counts(
        differential(fields, knowledge.classes, counting.possible_probability.value),
        red,
        parasites(fields, counting),
        platelets(
            fields,
            knowledge.classes,
            ClumpLimits(
                gap_um=counting.clump_gap_um.value,
                smallest=int(counting.clump_platelets.value),
                heap_um=counting.clump_heap_um.value,
                heap_probability=counting.clump_heap_probability.value,
            ),
        ),
        nuclei(fields, counting.nucleus_within_um.value),
        distributions(red.classified, counting.minimum_measured.value),
    )


def account(
    fields: Sequence[ReadField], circumstances: Circumstances, haemogram: Haemogram, knowledge: Knowledge
) -> Account:
    """Count, judge, and say what limits it. Raises TablesInvalid."""
    counts, counting = count_cells(fields, knowledge), knowledge.counting
    figures = (
        *counts.leukocytes.for_report(
            knowledge.classes, counting.minimum_leukocytes.value, counting.most_undecided_of_group.value
        ),
        *counts.platelets.for_report(),
        *counts.erythrocytes.for_report(
            counting.minimum_erythrocytes.value, counting.most_unidentified_erythrocytes.value
        ),
        *counts.parasites.for_report(counting),
    )
    reached = {
        Purpose.LEUKOCYTES: len(counts.leukocytes.counted),
        Purpose.ERYTHROCYTES: len(counts.erythrocytes.classified),
    }
    judgement = judge(knowledge.rules, facts_of(counts, circumstances, haemogram, counting))
    judgement = replace(judgement, reasons=tuple(_told(why, circumstances) for why in judgement.reasons))
    missed = counts.nuclei.missed
    limitations = (*_limitations(circumstances, reached), *_missed(counts.nuclei), *haemogram.unusable)
    return Account(figures, counts.measured, judgement, limitations, reached, missed)


def _limitations(known: Circumstances, reached: Mapping[Purpose, int]) -> list[Note]:
    wanted = {Purpose.LEUKOCYTES: known.leukocytes_wanted, Purpose.ERYTHROCYTES: known.erythrocytes_wanted}
    notes = []
    if known.cut_short:
        counted = f"{reached[Purpose.LEUKOCYTES]} leukocytes and {reached[Purpose.ERYTHROCYTES]} red cells"
        notes.append(Note("cut_short", f"The deadline came before everything was read: {counted} were counted."))
    notes += [
        Note("target_not_reached", f"{reached[purpose]} of {target} {purpose} wanted were counted.")
        for purpose, target in wanted.items()
        if reached[purpose] < target
    ]
    if notes and known.rejections:
        notes.append(Note("fields_rejected", _not_read(known.rejections)))
    if known.unreadable_fields:
        unread = f"{known.unreadable_fields} of {known.fields} fields could not be read."
        notes.append(Note("unreadable_fields", unread))
    if known.missing_tiles:
        notes.append(Note("missing_tiles", f"The scan lacks {known.missing_tiles} tiles beside stained areas."))
    return notes


def _told(why: Note, known: Circumstances) -> Note:
    """What is lacking, with what has kept it from being read: that can be mended, on the film or at the scanner."""
    if why.code != TOO_FEW or not known.rejections:
        return why
    return replace(why, text=f"{why.text} {_not_read(known.rejections)}")


def _not_read(rejections: Sequence[str]) -> str:
    return f"Fields were not read: {'; '.join(rejections)}."


def _missed(compared: Nuclei) -> list[Note]:
    if not compared.missed:
        return []
    said = f"{len(compared.missed)} of {compared.sure} nuclei that the film map is sure of were not detected as cells."
    return [Note("missed_nuclei", said)]
