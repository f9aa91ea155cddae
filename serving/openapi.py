"""The OpenAPI description of ``POST /predict`` and ``GET /model``, made from the request's schema and the contract."""

from typing import Any

from components import contract
from serving.received import MAX_EXPLAINED
from serving.trips import EXAMPLE_TRIP, MAX_TRIPS, Trip

_EXAMPLE_ANSWER = {
    "request_id": "0f5c2f0e8a3b4a1f9d4b6c2e7a1d9c35",
    "model_version": "3",
    "variant": contract.CHAMPION,
    "bundle": f"{contract.BUNDLE_NAME}:1f0c9a7be2d4655a",
    "degraded": False,
    "predictions": [{contract.TARGET: 2471.3}],
}
_EXPLANATION: dict[str, Any] = {
    "contributions": {
        "type": "object",
        "description": "With explain=true: what each feature adds to the logarithm of one plus the seconds",
        "additionalProperties": {"type": "number"},
    },
    "base": {"type": "number", "description": "With explain=true: the same for all trips; the sum is the prediction"},
}
_ANSWER_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": list(_EXAMPLE_ANSWER),
    "properties": {
        "request_id": {"type": "string", "description": "Also in the X-Request-ID header; yours, if you sent one"},
        "model_version": {"type": "string", "description": "Version in the model registry"},
        "variant": {"type": "string", "enum": [contract.CHAMPION, contract.CHALLENGER]},
        "bundle": {"type": "string", "description": "Tag of the bundle that answered"},
        "degraded": {"type": "boolean", "description": "Predicted without online features, which could not be read"},
        "predictions": {
            "type": "array",
            "description": "One per trip, in the order of the request",
            "items": {
                "type": "object",
                "required": [contract.TARGET],
                "properties": {
                    contract.TARGET: {"type": "number", "description": "seconds", "minimum": 0},
                    **_EXPLANATION,
                },
            },
        },
    },
}
_ERROR_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["request_id", "error"],
    "properties": {
        "request_id": {"type": "string"},
        "error": {"type": "string"},
        "detail": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}
_ERRORS = {
    "400": "The body is no JSON document",
    "408": "The body came too slowly",
    "413": "The body is too large",
    "415": "The body is not application/json",
    "422": "A field is missing, unknown, of the wrong type or out of range; `detail` names it",
    "503": "The online store cannot be read, or more requests come than can be answered; try again after a second",
}
_PARAMETERS: list[dict[str, Any]] = [
    {
        "name": "explain",
        "in": "query",
        "description": f"Contributions of each feature; for at most {MAX_EXPLAINED} trips",
        "schema": {"type": "boolean", "default": False},
    },
    {
        "name": "X-Request-ID",
        "in": "header",
        "description": "Repeated in the answer and logged; 1 to 64 letters, digits, '.', '_' or '-'",
        "schema": {"type": "string"},
    },
    {
        "name": "X-Routing-Key",
        "in": "header",
        "description": "Requests with the same key go to the same variant, e.g. a session; never kept",
        "schema": {"type": "string"},
    },
]


def document() -> dict[str, Any]:
    """An OpenAPI 3.1 document."""
    trip = {"$ref": "#/components/schemas/Trip"}
    many = {"type": "array", "items": trip, "minItems": 1, "maxItems": MAX_TRIPS}
    examples = {"one trip": {"value": EXAMPLE_TRIP}, "many trips": {"value": [EXAMPLE_TRIP, EXAMPLE_TRIP]}}
    answered = {"schema": {"$ref": "#/components/schemas/Answer"}, "example": _EXAMPLE_ANSWER}
    refused = {"schema": {"$ref": "#/components/schemas/Error"}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Trip duration", "version": "1", "description": "How long a taxi trip takes, as it starts."},
        "paths": {
            "/predict": {
                "post": {
                    "operationId": "predict",
                    "summary": "Predict the duration of one trip or many",
                    "parameters": _PARAMETERS,
                    "requestBody": {
                        "required": True,
                        "content": {"application/json": {"schema": {"oneOf": [trip, many]}, "examples": examples}},
                    },
                    "responses": {
                        "200": {"description": "Predicted", "content": {"application/json": answered}},
                        **{
                            status: {"description": text, "content": {"application/json": refused}}
                            for status, text in _ERRORS.items()
                        },
                    },
                }
            },
            "/model": {
                "get": {
                    "operationId": "model",
                    "summary": "What is served: bundle, model versions and their origin, who answers, since when",
                    "responses": {
                        "200": {
                            "description": "Served",
                            "content": {"application/json": {"schema": {"type": "object"}}},
                        }
                    },
                }
            },
        },
        "components": {"schemas": {"Trip": Trip.model_json_schema(), "Answer": _ANSWER_SCHEMA, "Error": _ERROR_SCHEMA}},
    }
