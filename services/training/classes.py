"""The classes of each model, in the order of its outputs, and the names the data sets use for them."""

from services.kit.classes import cell_classes

KINDS = ("erythrocyte", "leukocyte", "platelet")

LEUKOCYTES = cell_classes().trained_leukocytes
ERYTHROCYTES = tuple(cell_classes().erythrocytes)

ROUND = ("normal", "macrocyte", "microcyte", "spherocyte", "target", "stomatocyte", "hypochromic")

ERYTHROCYTE_LABELS: dict[str, tuple[str, ...]] = {
    **{name: (name,) for name in ERYTHROCYTES},
    "round": ROUND,
    "other": tuple(name for name in ERYTHROCYTES if name != "sickle"),
}
"""A data set's label → the classes it allows. erythrocytesIDB tells round, elongated (sickle) and other cells of sickle
cell disease apart, nothing finer."""

PLASMODIUM = ("uninfected", "ring", "trophozoite", "schizont", "gametocyte")
"""A red cell without parasites, or the stage of its parasite."""
PLASMODIUM_GROUPS: dict[str, tuple[str, ...]] = {"uninfected": PLASMODIUM[:1], "infected": PLASMODIUM[1:]}

NEUTROPHILS = ("neutrophil_segmented", "neutrophil_band")
IMMATURE_GRANULOCYTES = ("metamyelocyte", "myelocyte", "promyelocyte")

NO_LEUKOCYTE = "no_leukocyte"

LEUKOCYTE_LABELS: dict[str, tuple[str, ...]] = {
    **{name: (name,) for name in LEUKOCYTES},
    "neutrophil": NEUTROPHILS,
    "immature_granulocyte": IMMATURE_GRANULOCYTES,
    "all_early": ("blast",),
    "all_pre": ("blast",),
    "all_pro": ("blast",),
    "benign": tuple(name for name in LEUKOCYTES if name != "blast"),
    NO_LEUKOCYTE: (),
}
"""A data set's label → the classes it allows. A cell labelled only ``neutrophil`` may be either of two.

Hematogones (``benign`` of the ALL image set, labelled per image, with other cells of the marrow among them) are
known only to be no lymphoblasts: they teach the network that the look of that laboratory is not the look of a blast,
without being passed off as any other class.
"""

WATCHED_LEUKOCYTES: dict[str, tuple[str, ...]] = {
    "blasts": ("blast",),
    "early_granulocytes": ("myelocyte", "promyelocyte"),
    "metamyelocytes": ("metamyelocyte",),
    "erythroblasts": ("erythroblast",),
}
"""What the rules hold a slide for when it is seen."""

LEUKOCYTE_ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "cell_size": ("big", "small"),
    "cell_shape": ("round", "irregular"),
    "nucleus_shape": (
        "unsegmented-round",
        "unsegmented-indented",
        "unsegmented-band",
        "segmented-bilobed",
        "segmented-multilobed",
        "irregular",
    ),
    "nuclear_cytoplasmic_ratio": ("low", "high"),
    "chromatin_density": ("densely", "loosely"),
    "cytoplasm_vacuole": ("no", "yes"),
    "cytoplasm_texture": ("clear", "frosted"),
    "cytoplasm_colour": ("light blue", "blue", "purple blue"),
    "granule_type": ("nil", "small", "round", "coarse"),
    "granule_colour": ("nil", "pink", "red", "purple"),
    "granularity": ("no", "yes"),
}
"""The morphological attributes of WBCAtt (Tsutsui et al., 2023), under its names, and their values."""

LEUKOCYTE_GROUPS: dict[str, tuple[str, ...]] = {
    "neutrophil": NEUTROPHILS,
    "immature_granulocyte": IMMATURE_GRANULOCYTES,
    **{name: (name,) for name in LEUKOCYTES if name not in (*NEUTROPHILS, *IMMATURE_GRANULOCYTES)},
}
"""The eight classes under which the PBC set is reported elsewhere, and blasts."""
