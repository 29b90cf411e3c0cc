"""The client in Python of OpenAPI Generator, as a user writes it."""

import json
import os

import cellar_client
from cellar_client import FeatureInput, Point

SERVER = os.environ["CELLAR_SERVER"]
COLLECTION = os.environ["CELLAR_COLLECTION"]
PROPERTIES = {"name": "Le Cellier", "category": "winery", "open": True, "tags": ["a", 1, None], "at": {"floor": 2}}

with cellar_client.ApiClient(cellar_client.Configuration(host=SERVER)) as client:
    search, places = cellar_client.SearchApi(client), cellar_client.PlacesApi(client)

    near = search.nearby(COLLECTION, lat=0, lon=0, radius=50_000, limit=5)
    first = near.features[0]
    assert (near.number_returned, first.id, first.distance_m) == (5, "w-0", 0), near
    assert first.geometry.coordinates == [0, 0], first
    assert first.properties["name"] == "Winery 0", first

    items = search.items(COLLECTION, bbox=[-0.1, -0.1, 0.1, 0.055], limit=10)
    assert (items.number_matched, len(items.features)) == (6, 6), items

    point = Point(type="Point", coordinates=[2.3522, 48.8566])
    place = FeatureInput(type="Feature", geometry=point, properties=PROPERTIES)
    put = places.put_item(COLLECTION, "of python/1", place)
    assert put.id == "of python/1", put
    got = places.get_item(COLLECTION, "of python/1")
    assert got.properties == PROPERTIES, got
    places.delete_item(COLLECTION, "of python/1")

    try:
        places.get_item(COLLECTION, "of python/1")
    except cellar_client.ApiException as error:
        assert error.status == 404, error
        assert json.loads(error.body)["type"] == "/problems/place-unknown", error
    else:
        raise AssertionError("a place that is gone is an error")
