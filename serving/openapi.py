"""The OpenAPI description of ``POST /predict``, made from the request's schema and the contract."""

from typing import Any

from components import contract
from serving.trips import EXAMPLE_TRIP, MAX_TRIPS, Trip

_EXAMPLE_ANSWER = {
    "request_id": "0f5c2f0e8a3b4a1f9d4b6c2e7a1d9c35",
    "model_version": "3",
    "bundle": f"{contract.BUNDLE_NAME}:1f0c9a7be2d4655a",
    "predictions": [{contract.TARGET: 2471.3}],
}
_ANSWER_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["request_id", "model_version", "bundle", "predictions"],
    "properties": {
        "request_id": {"type": "string", "description": "Also in the X-Request-ID header; yours, if you sent one"},
        "model_version": {"type": "string", "description": "Version in the model registry"},
        "bundle": {"type": "string", "description": "Tag of the bundle that answered"},
        "predictions": {
            "type": "array",
            "description": "One per trip, in the order of the request",
            "items": {
                "type": "object",
                "required": [contract.TARGET],
                "properties": {contract.TARGET: {"type": "number", "description": "seconds", "minimum": 0}},
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
    "413": "The body is too large",
    "415": "The body is not application/json",
    "422": "A field is missing, unknown, of the wrong type or out of range; `detail` names it",
    "503": "The online store cannot be read; try again after a second",
}


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
            }
        },
        "components": {"schemas": {"Trip": Trip.model_json_schema(), "Answer": _ANSWER_SCHEMA, "Error": _ERROR_SCHEMA}},
    }
