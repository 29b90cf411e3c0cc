"""Templates with their files in them."""

import json
import subprocess

import pytest

from cellar_infra import render
from cellar_infra.checks import load
from cellar_infra.checks.rules.limits import code_of

SCRIPT = "// a\nconst LEAST = 1;\nconst MOST = 2;\n"


def test_a_constant_is_found_by_its_line():
    assert render.around_constant(SCRIPT, "MOST") == ("// a\nconst LEAST = 1;\nconst MOST = ", ";\n")
    assert render.around_constant(SCRIPT, "LEAST") == ("// a\nconst LEAST = ", ";\nconst MOST = 2;\n")
    for script in ("", "let MOST = 2;\n", "  const MOST = 2;\n", SCRIPT + "const MOST = 3;\n"):
        assert render.around_constant(script, "MOST") is None, script


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ('Code: "{{infra/edge/none.js}}"', "t.yaml names infra/edge/none.js, which is not there"),
        (
            'Code: "{{infra/edge/function.js LEAST=Least}}"',
            "t.yaml sets LEAST, which is no constant with a line in infra/edge/function.js",
        ),
    ],
)
def test_what_is_not_there_is_an_error(template, text, tmp_path, monkeypatch):
    (tmp_path / "t.yaml").write_text(template)
    monkeypatch.setattr(render, "TEMPLATES", tmp_path)
    with pytest.raises(render.RenderError) as raised:
        render.render("t")
    assert str(raised.value) == text


PROGRAM = """
const load = new Function('cf', `'use strict'; ${CODE.replace(/^import cf from 'cloudfront';$/m, '')}; return handler;`);
const handler = load({ kvs: () => ({ get: async () => { throw new Error('key not found'); } }) });
const ask = async (radius) => {
  const query = `lat=1&lon=2&mode=cell&radius=${radius}`;
  const request = { method: 'GET', uri: '/v1/collections/a/nearby', querystring: {}, rawQueryString: () => query };
  const answer = await handler({ request });
  return answer.body ? JSON.parse(answer.body.data).detail : answer.uri;
};
Promise.all([20000, 20000.5].map(ask)).then((answers) => console.log(JSON.stringify(answers)));
"""


def test_the_deployed_function_has_the_radius_that_it_is_given():
    bundle = load.bundle()
    bundle.sources["edge"]["Parameters"]["MaxRadiusM"]["Default"] = "20000"
    ((template, _, function),) = bundle.properties("AWS::CloudFront::Function")
    code = json.dumps(code_of(bundle, template, function))
    result = subprocess.run(
        ["node", "-e", f"const CODE = {code};{PROGRAM}"], capture_output=True, text=True, check=True
    )
    assert json.loads(result.stdout) == [
        "/v1/collections/a/cells/gh:s01m/nearby",
        "`radius` must be metres, more than 0 and at most 20000",
    ]
