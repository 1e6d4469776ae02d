"""Workflows like those recorded on real machines, with how long each task took. Knows no scheduler.

WfCommons grows them from the recordings of its recipes: structures and running times keep their distributions.
Source: Coleman, Casanova, Pottier, Kaushik, Deelman, Ferreira da Silva: WfCommons, FGCS 128 (2022).
"""

from __future__ import annotations

import logging
import random
from importlib import import_module

import numpy
from bounds import Step
from wfcommons import WorkflowGenerator

RECIPES = ("Blast", "Bwa", "Cycles", "Epigenomics", "Genome", "Montage", "Seismology", "Soykb", "Srasearch")


def grown(recipe: str, tasks: int, seed: int) -> list[Step]:
    """A workflow of about so many tasks, the same from the same seed."""
    random.seed(seed)
    numpy.random.seed(seed)
    kind = getattr(import_module(f"wfcommons.wfchef.recipes.{recipe.lower()}.recipe"), f"{recipe}Recipe")
    logging.disable(logging.WARNING)
    workflow = WorkflowGenerator(kind.from_num_tasks(tasks)).build_workflow()
    return [
        Step(name, tuple(sorted(workflow.predecessors(name))), max(task.runtime, 0.1))
        for name, task in workflow.tasks.items()
    ]
