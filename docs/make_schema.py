"""Print the JSON Schema of ``result.json``: ``python docs/make_schema.py > docs/result.schema.json``."""

from __future__ import annotations

import json

from alref.result import Result

print(json.dumps(Result.model_json_schema(), indent=1))
