// The document's types with openapi-fetch, as a user writes it.
import createClient from 'openapi-fetch';
import type { components, paths } from './openapi.js';
import { check, collection, server } from './check.js';

type Place = components['schemas']['FeatureInput'];

const client = createClient<paths>({ baseUrl: server });
const path = { collection };

const near = await client.GET('/v1/collections/{collection}/nearby', {
  params: { path, query: { lat: 0, lon: 0, radius: 50_000, limit: 5 } },
});
const first = near.data?.features[0];
check('search', near.data?.numberReturned === 5 && first?.id === 'w-0' && first.distance_m === 0);
const coordinates: number[] | undefined = first?.geometry.coordinates;
check('coordinates', coordinates?.length === 2 && coordinates[1] === 0);
check('properties', first?.properties['name'] === 'Winery 0');

// Its own serializer writes one parameter for each number.
const box = [-0.1, -0.1, 0.1, 0.055];
const items = await client.GET('/v1/collections/{collection}/items', { params: { path, query: { bbox: box, limit: 10 } } });
check('items', items.data?.numberMatched === 6 && items.data.features.length === 6);
const commas = await client.GET('/v1/collections/{collection}/items', {
  params: { path, query: { bbox: box } },
  querySerializer: { array: { style: 'form', explode: false } },
});
check('items with commas', commas.data?.numberMatched === 6);

const place: Place = {
  type: 'Feature',
  geometry: { type: 'Point', coordinates: [2.3522, 48.8566] },
  properties: { name: 'Le Cellier', category: 'winery', open: true, tags: ['a', 1, null], at: { floor: 2 } },
};
const at = { params: { path: { collection, id: 'of openapi-fetch/1' } } };
const headers = { 'content-type': 'application/geo+json' };
const put = await client.PUT('/v1/collections/{collection}/items/{id}', { ...at, body: place, headers });
check('put', put.response.status === 201 && put.data?.id === 'of openapi-fetch/1');
const got = await client.GET('/v1/collections/{collection}/items/{id}', at);
check('get', JSON.stringify(got.data?.properties) === JSON.stringify(place.properties));
const gone = await client.DELETE('/v1/collections/{collection}/items/{id}', at);
check('delete', gone.response.status === 204);

const missing = await client.GET('/v1/collections/{collection}/items/{id}', at);
check('error', missing.error?.type === '/problems/place-unknown' && missing.error.parameter === 'id');
