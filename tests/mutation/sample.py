"""Draw a random sample of the mutants.

Makes a session of Cosmic Ray for each job, and runs in the environment of that tool.
"""

import argparse
import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
import random
from typing import Any, override

from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator
from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import WorkItem

#: They change nothing: flags that are joined are different ones, and what is compared
#: is None, a member of an enum, or a small number.
EQUIVALENT = {
    "core/ReplaceBinaryOperator_BitOr_Add",
    "core/ReplaceBinaryOperator_BitOr_BitXor",
    "core/ReplaceComparisonOperator_Eq_Is",
    "core/ReplaceComparisonOperator_Is_Eq",
    "core/ReplaceComparisonOperator_IsNot_NotEq",
    "core/ReplaceComparisonOperator_NotEq_IsNot",
}


class _Executed(ast.NodeTransformer):
    """Keep what does something when the code runs.

    Nothing evaluates annotations. Most decorators are `@callback`. What the arguments
    of `@dataclass` forbid, and how an argument is passed, mypy checks.
    """

    @override
    def visit(self, node: ast.AST) -> Any:
        """Remove types and decorators from a node."""
        for name in ("annotation", "returns"):
            if getattr(node, name, None) is not None:
                setattr(node, name, ast.Constant(None))
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.decorator_list = []
        if isinstance(node, ast.arguments):
            node.args = [*node.posonlyargs, *node.args, *node.kwonlyargs]
            node.defaults += filter(None, node.kw_defaults)
            node.posonlyargs, node.kwonlyargs, node.kw_defaults = [], [], []
        if isinstance(node, ast.TypeAlias):
            node.value = ast.Constant(None)
        return self.generic_visit(node)


def main() -> None:
    """Draw the sample."""
    parser = argparse.ArgumentParser()
    parser.add_argument("all", help="the session with all mutants")
    parser.add_argument("number", type=int)
    parser.add_argument("seed", type=int)
    parser.add_argument("sessions", nargs="+", help="the sessions to make")
    arguments = parser.parse_args()
    with use_db(arguments.all, WorkDB.Mode.open) as session:
        sample = list(_sample(session, arguments.number, arguments.seed))
    for index, path in enumerate(arguments.sessions):
        with use_db(path, WorkDB.Mode.create) as session:
            session.add_work_items(sample[index :: len(arguments.sessions)])
    print(f"{len(sample)} mutants, seed {arguments.seed}")


def _sample(session: Any, number: int, seed: int) -> Iterator[WorkItem]:
    """Yield mutants at different random places.

    Some operators have eleven mutants at one place, others have one.
    """
    places = defaultdict(list)
    for item in session.work_items:
        (mutation,) = item.mutations
        if mutation.operator_name not in EQUIVALENT:
            place = (mutation.module_path.as_posix(), mutation.start_pos)
            places[place].append(item)
    order = sorted(places)
    chance = random.Random(seed)  # noqa: S311  # no secret
    chance.shuffle(order)
    for place in order:
        variants = sorted(
            places[place],
            key=lambda item: (
                item.mutations[0].operator_name,
                item.mutations[0].occurrence,
            ),
        )
        if not number:
            return
        item = chance.choice(variants)
        if _is_real(item):
            number -= 1
            yield item


def _is_real(item: WorkItem) -> bool:
    """Return whether a mutant runs, and runs differently."""
    (mutation,) = item.mutations
    code = Path(mutation.module_path).read_text(encoding="utf-8")
    operator = get_operator(mutation.operator_name)(**mutation.operator_args)
    mutated = mutate_code(code, operator, mutation.occurrence)
    try:
        return mutated is not None and _compared(mutated) != _compared(code)
    except SyntaxError:
        return False


def _compared(code: str) -> str:
    """Return what versions of a module are compared by."""
    return ast.dump(_Executed().visit(ast.parse(code)))


if __name__ == "__main__":
    main()
