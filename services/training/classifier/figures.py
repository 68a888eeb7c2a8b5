"""A classifier's figures on cells it was not made with, for its card."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from services.training.calibration import expected_calibration_error
from services.training.classifier.answers import Answers
from services.training.classifier.attributes import Attributes, spans
from services.training.intervals import bootstrap, clopper_pearson
from services.training.tables import share, table

Confusion = npt.NDArray[np.int64]

# What the rules call certain and possible (`certain_probability` and `possible_probability` of reasoning's counting).
CERTAIN, POSSIBLE = 0.9, 0.2


def confusion(truth: npt.NDArray[np.int64], answered: npt.NDArray[np.int64], classes: int) -> Confusion:
    """Counts, true class by row, answered class by column."""
    return np.bincount(truth * classes + answered, minlength=classes * classes).reshape(classes, classes)


def f1_by_class(counted: Confusion) -> npt.NDArray[np.float64]:
    """F1 of each class; nan where there is neither a cell nor an answer of it."""
    correct = np.diag(counted).astype(float)
    total = counted.sum(axis=0) + counted.sum(axis=1)
    return np.asarray(np.divide(2 * correct, total, out=np.full(len(correct), np.nan), where=total > 0))


def classes_section(found: Answers, classes: Sequence[str], seed: int) -> str:
    """Accuracy, macro F1, calibration, figures of each class and the confusion matrix of single-class cells."""
    counted = confusion(found.targets, found.probabilities.argmax(axis=1), len(classes))
    summary = accuracy_line(found, classes, seed)
    return "\n".join([summary, _class_table(counted, classes), _confusion_table(counted, classes)])


def accuracy_line(found: Answers, classes: Sequence[str], seed: int) -> str:
    """Accuracy, macro F1 and calibration error of single-class cells, on one line."""
    answered = found.probabilities.argmax(axis=1)
    right = np.asarray(answered == found.targets)
    each = np.zeros((len(right), len(classes), len(classes)), np.int64)
    each[np.arange(len(right)), found.targets, answered] = 1
    error = expected_calibration_error(found.probabilities.max(axis=1), right)
    accuracy = share(float(right.mean()), clopper_pearson(int(right.sum()), len(right)))
    macro = share(_macro_f1(each.sum(axis=0)), bootstrap(each, _macro_f1, seed))
    cells = f"{len(right)} cells of {len(set(found.targets))} classes"
    return f"{cells}: accuracy {accuracy}, macro F1 {macro}, expected calibration error {error:.3f}.\n"


def groups_section(found: Answers, classes: Sequence[str], groups: Mapping[str, Sequence[str]]) -> str:
    """The same cells, and those labelled only by group, under coarser classes."""
    members = np.array([[name in names for name in classes] for names in groups.values()])
    within = np.asarray((members[None] | ~found.allowed[:, None]).all(axis=2))
    chosen = within.sum(axis=1) == 1
    truth = within[chosen].argmax(axis=1)
    answered = (found.probabilities[chosen] @ members.T).argmax(axis=1)
    counted = confusion(truth, answered, len(groups))
    present = counted.sum(axis=1) > 0
    right = int(np.trace(counted))
    summary = (
        f"{int(chosen.sum())} cells under {int(present.sum())} coarser classes: accuracy "
        f"{share(right / int(chosen.sum()), clopper_pearson(right, int(chosen.sum())))}.\n"
    )
    return "\n".join([summary, _class_table(counted, list(groups))])


def refusal_section(found: Answers, classes: Sequence[str], described: Mapping[str, Any]) -> str:
    """How often the conformal set holds the true class, how large it is, and how many cells stay without a name."""
    inside = _inside(found, classes, described)
    rows = []
    for index, name in enumerate(classes):
        own = found.targets == index
        held = int(inside[own, index].sum())
        rows.append((name, int(own.sum()), _held(held, int(own.sum())), f"{_mean(inside[own].sum(axis=1)):.2f}"))
    sizes = inside.sum(axis=1)
    strange = int((found.distance > described["distance"]).sum())
    named = have_name(found, classes, described)
    right = named & (found.probabilities.argmax(axis=1) == found.targets)
    summary = (
        f"Conformal sets: one class {share(float((sizes == 1).mean()))}, several {share(float((sizes > 1).mean()))}, "
        f"none {share(float((sizes == 0).mean()))}. Farther than the distance threshold: "
        f"{share(strange / len(sizes), clopper_pearson(strange, len(sizes)))}. Without a name: "
        f"{_share_of(~named, len(sizes))}; of those with one, {_share_of(right, int(named.sum()))} are right.\n"
    )
    return "\n".join([table(("class", "cells", "set holds it (aim 0.95)", "mean size of set"), rows), summary])


def watched_section(
    found: Answers, classes: Sequence[str], watched: Mapping[str, Sequence[str]], described: Mapping[str, Any]
) -> str:
    """How many cells of each class a rule would take for what it looks for: certainly, or possibly."""
    sets = _inside(found, classes, described) & (found.distance <= described["distance"])[:, None]
    columns: dict[str, npt.NDArray[np.bool_]] = {}
    for name, members in watched.items():
        own = np.array([one in members for one in classes])
        together = found.probabilities[:, own].sum(axis=1)
        some, others = sets[:, own].any(axis=1), sets[:, ~own].any(axis=1)
        columns[f"certain {name}"] = some & ~others & (together >= CERTAIN)
        columns[f"possible {name}"] = some | (together >= POSSIBLE)
    rows = []
    for index, name in enumerate(classes):
        cells = found.targets == index
        if cells.any():
            rows.append((name, int(cells.sum()), *(int((cells & taken).sum()) for taken in columns.values())))
    explained = (
        f"Certain: nothing else is in the set, and the probability is at least {CERTAIN}. Possible: in the set, or at "
        f"least as probable as {POSSIBLE}.\n"
    )
    return "\n".join([explained, table(("true", "cells", *columns), rows)])


def binary_section(found: Answers, classes: Sequence[str], name: str) -> str:
    """Sensitivity and specificity of one class against all else, cells known only not to be of it included."""
    index = list(classes).index(name)
    positive = found.targets == index
    negative = ~found.allowed[:, index]
    called = found.probabilities.argmax(axis=1) == index
    hit, rejected = int((called & positive).sum()), int((~called & negative).sum())
    sensitivity = share(hit / int(positive.sum()), clopper_pearson(hit, int(positive.sum())))
    specificity = share(rejected / int(negative.sum()), clopper_pearson(rejected, int(negative.sum())))
    return f"{name} as the likeliest class: sensitivity {sensitivity}, specificity {specificity}.\n"


def answers_section(found: Answers, classes: Sequence[str], described: Mapping[str, Any]) -> str:
    """What cells that all have one label are called: a line for each class that any of them was given."""
    answered = np.where(have_name(found, classes, described), found.probabilities.argmax(axis=1), len(classes))
    counted, cells = np.bincount(answered, minlength=len(classes) + 1), len(answered)
    rows = [
        (name, int(count), share(count / cells, clopper_pearson(int(count), cells)))
        for name, count in zip((*classes, "unidentified"), counted, strict=True)
        if count
    ]
    return f"{cells} cells, all {found.labels[0]}, are called:\n\n" + table(("class", "cells", "share"), rows)


def attributes_section(found: Answers, attributes: Attributes, seed: int) -> str:
    """How often each attribute's likeliest value is the one that is told, and each value's share found."""
    rows, macros = [], []
    for name, span in spans(attributes):
        known = found.told[:, span].any(axis=1)
        truth, answered = found.told[known, span].argmax(axis=1), found.attributes[known, span].argmax(axis=1)
        counted = confusion(truth, answered, len(attributes[name]))
        each = np.zeros((len(truth), *counted.shape), np.int64)
        each[np.arange(len(truth)), truth, answered] = 1
        right, cells = int(np.trace(counted)), int(known.sum())
        error = expected_calibration_error(found.attributes[known, span].max(axis=1), np.asarray(truth == answered))
        recalls = ", ".join(
            f"{value} {share(counted[i, i] / counted[i].sum())} of {counted[i].sum()}"
            for i, value in enumerate(attributes[name])
            if counted[i].any()
        )
        macros.append(_macro_f1(counted))
        macro = share(macros[-1], bootstrap(each, _macro_f1, seed))
        rows.append((name, cells, share(right / cells, clopper_pearson(right, cells)), macro, f"{error:.3f}", recalls))
    head = ("attribute", "cells", "accuracy", "macro F1", "calibration error", "found, by value")
    return f"Attributes, mean of their macro F1 {share(float(np.mean(macros)))}:\n\n" + table(head, rows)


def have_name(found: Answers, classes: Sequence[str], described: Mapping[str, Any]) -> npt.NDArray[np.bool_]:
    """Which cells the running service would name: the others come out as unidentified."""
    best = found.probabilities.argmax(axis=1)
    sure = found.probabilities.max(axis=1) >= described["confidence"]
    known = found.distance <= described["distance"]
    return np.asarray(_inside(found, classes, described)[np.arange(len(best)), best] & sure & known)


def _inside(found: Answers, classes: Sequence[str], described: Mapping[str, Any]) -> npt.NDArray[np.bool_]:
    """Which classes are in the conformal set of each cell."""
    return np.asarray(found.probabilities >= np.array([described["conformal"][name] for name in classes]))


def _share_of(chosen: npt.NDArray[np.bool_], of: int) -> str:
    count = int(chosen.sum())
    return share(count / max(of, 1), clopper_pearson(count, of))


def _macro_f1(counted: Confusion) -> float:
    present = counted.sum(axis=1) > 0
    return float(f1_by_class(counted)[present].mean())


def _class_table(counted: Confusion, classes: Sequence[str]) -> str:
    rows = []
    for index, (name, f1) in enumerate(zip(classes, f1_by_class(counted), strict=True)):
        correct = int(counted[index, index])
        labelled, answered = int(counted[index].sum()), int(counted[:, index].sum())
        if labelled:
            precision = share(correct / max(answered, 1), clopper_pearson(correct, answered))
            recall = share(correct / labelled, clopper_pearson(correct, labelled))
            rows.append((name, labelled, recall, precision, share(float(f1))))
    return table(("class", "cells", "recall", "precision", "F1"), rows)


def _confusion_table(counted: Confusion, classes: Sequence[str]) -> str:
    rows = [(name, *row) for name, row in zip(classes, counted, strict=True) if row.any()]
    return table(("true \\ answered", *classes), rows)


def _held(held: int, cells: int) -> str:
    return share(held / cells, clopper_pearson(held, cells)) if cells else "no cells"


def _mean(sizes: npt.NDArray[np.int64]) -> float:
    return float(sizes.mean()) if len(sizes) else 0.0
