"""The OpenAPI documents, one for each audience, made from the code that answers."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any, TypeVar

from flask import current_app
from pydantic import BaseModel
from spectree import Response, SpecTree

from app.edge.bodies import Body
from app.edge.ours import ours

View = TypeVar("View", bound=Callable[..., Any])

VERSION = "1.0.0"


class Document:
    """One document: which operations it has, and how a program shows who it is."""

    def __init__(
        self,
        title: str,
        description: str,
        *,
        schemes: Mapping[str, Mapping[str, Any]],
        failure: type[BaseModel],
        failure_kind: str = "application/json",
    ) -> None:
        self._tree = SpecTree(
            "flask",
            title=title,
            version=VERSION,
            description=description,
            openapi_version="3.1.0",
            mode="strict",
            naming_strategy=lambda model: model.__name__,
            nested_naming_strategy=lambda _outer, inner: inner,
            annotations=False,
            validation_error_status=400,
            validation_error_model=failure,
        )
        self._failure_kind = failure_kind
        self._schemes = dict(schemes)
        self._marks: dict[str, dict[str, Any]] = {}
        self._drawn: dict[str, Any] | None = None
        self._drawing = Lock()

    def operation(
        self,
        operation_id: str,
        *,
        answers: Mapping[int, type[BaseModel] | None],
        body: type[Body] | None = None,
        security: Mapping[str, list[str]] | None = None,
        consequential: bool | None = None,
        **marks: Any,
    ) -> Callable[[View], View]:
        """Describe a view; its docstring has the summary, and the description below it.

        `consequential` says whether ChatGPT asks its person each time; `marks` are further members
        of the operation. Bodies are read by `edge.bodies`, so nothing is checked here, and the
        view itself is returned.
        """
        self._marks[operation_id] = marks
        if consequential is not None:
            marks["x-openai-isConsequential"] = consequential
        described = {f"HTTP_{status}": model for status, model in answers.items()}
        describe = self._tree.validate(
            json=body,
            resp=Response(**described),
            security=dict(security or {}),
            operation_id=operation_id,
            skip_validation=True,
            # It adds an answer to what is wrong unless one of this status is there.
            validation_error_status=max(answers),
        )

        def note(view: View) -> View:
            self._tree._function_metadata[view] = self._tree._function_metadata[describe(view)]
            return view

        return note

    def published(self) -> dict[str, Any]:
        """The document as it is served, with this installation's own address."""
        made = self._draw()
        made["components"]["securitySchemes"] = copy.deepcopy(self._schemes)
        made["servers"] = [{"url": ours().settings.PUBLIC_URL}]
        for path in made["paths"].values():
            for operation in path.values():
                operation.update(self._marks.get(operation["operationId"], {}))
                for status, answer in operation["responses"].items():
                    if status >= "400" and "content" in answer:
                        (schema,) = answer["content"].values()
                        answer["content"] = {self._failure_kind: schema}
        return made

    def _draw(self) -> dict[str, Any]:
        # Once: the library takes nested models out of what it draws them from.
        with self._drawing:
            if self._drawn is None:
                app: Any = current_app
                self._tree.app = app._get_current_object()
                self._drawn = self._tree._generate_spec()
            return copy.deepcopy(self._drawn)
