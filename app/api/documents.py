"""The OpenAPI documents, one for each audience, made from the code that answers."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
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
        self._schemes = dict(schemes)
        self._marks: dict[str, dict[str, Any]] = {}

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
        of the operation. Bodies are read by `edge.bodies`, so nothing is checked here.
        """
        self._marks[operation_id] = marks
        if consequential is not None:
            marks["x-openai-isConsequential"] = consequential
        described = {f"HTTP_{status}": model for status, model in answers.items()}
        return self._tree.validate(
            json=body,
            resp=Response(**described),
            security=dict(security or {}),
            operation_id=operation_id,
            skip_validation=True,
        )

    def published(self) -> dict[str, Any]:
        """The document as it is served, with this installation's own address."""
        app: Any = current_app
        self._tree.app = app._get_current_object()
        made: dict[str, Any] = copy.deepcopy(self._tree._generate_spec())
        made["components"]["securitySchemes"] = copy.deepcopy(self._schemes)
        made["servers"] = [{"url": ours().settings.PUBLIC_URL}]
        for path in made["paths"].values():
            for operation in path.values():
                operation.update(self._marks.get(operation["operationId"], {}))
        return made
