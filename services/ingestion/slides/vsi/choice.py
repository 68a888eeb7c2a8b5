"""Which of a slide's stacks is the scan that is read. Labels, overviews, masks and maps are never offered."""

from collections.abc import Sequence

from services.ingestion.slides.errors import ONE_SCAN, OTHER_SCENE, SlideUnsupported
from services.ingestion.slides.vsi.declaration import EFI, MAIN, SlideDeclaration, StackDeclaration


def chosen_scan(slide: SlideDeclaration, scene: str | None) -> StackDeclaration:
    """The scan named `scene` (its title, or `stack<ID>`); without a name, the only one there is.

    A stack typed main is taken before the fused image (EFI) made of the same planes. A stack without a type is read
    only when named, or to say what it holds: cellSens leaves the type out of what is no slide scan.

    Raises:
        SlideUnsupported: there is no such scan, none at all, or several to choose from.
    """
    if scene is not None:
        return _named(slide, scene)
    for kind in (MAIN, EFI):
        scans = [stack for stack in slide.pixel_stacks if stack.kind == kind]
        if len(scans) > 1:
            raise SlideUnsupported(slide.name, f"holds several scans: {_listed(scans)}", ONE_SCAN)
        if scans:
            return scans[0]
    problem = f"no stack is typed as the main scan (field 2074); it has {_kinds(slide)}"
    raise SlideUnsupported(slide.name, problem, "Scan the slide itself, not only its label or overview.")


def sole_untyped(slide: SlideDeclaration) -> StackDeclaration | None:
    """The only stack with pixels, where it has no type."""
    stacks = slide.pixel_stacks
    return stacks[0] if len(stacks) == 1 and stacks[0].kind is None else None


def _named(slide: SlideDeclaration, scene: str) -> StackDeclaration:
    offered = [stack for stack in slide.pixel_stacks if stack.kind in (MAIN, EFI, None)]
    found = [stack for stack in offered if scene in (stack.title, stack.folder)]
    if len(found) != 1:
        number = "no scan is" if not found else f"{len(found)} scans are"
        problem = f"{number} called {scene!r}, of {_listed(offered) or 'none at all'}"
        raise SlideUnsupported(slide.name, problem, OTHER_SCENE)
    return found[0]


def _listed(stacks: Sequence[StackDeclaration]) -> str:
    return ", ".join(f"{stack.title!r} ({stack.folder})" for stack in stacks)


def _kinds(slide: SlideDeclaration) -> str:
    return ", ".join(f"{stack.folder} ({stack.kind_name})" for stack in slide.stacks) or "no stack"
