// The client in TypeScript of OpenAPI Generator, as a user writes it.
import { Configuration, FeatureType, PointType, PlacesApi, ResponseError, SearchApi, type FeatureInput } from './fetch/index.js';
import { check, collection, server } from './check.js';

const configuration = new Configuration({ basePath: server });
const search = new SearchApi(configuration);
const places = new PlacesApi(configuration);

const near = await search.nearby({ collection, lat: 0, lon: 0, radius: 50_000, limit: 5 });
const first = near.features[0];
check('search', near.numberReturned === 5 && first?.id === 'w-0' && first.distanceM === 0);
const coordinates: number[] | undefined = first?.geometry.coordinates;
check('coordinates', coordinates?.length === 2 && coordinates[1] === 0);
check('properties', first?.properties['name'] === 'Winery 0');

const items = await search.items({ collection, bbox: [-0.1, -0.1, 0.1, 0.055], limit: 10 });
check('items', items.numberMatched === 6 && items.features.length === 6);

const featureInput: FeatureInput = {
  type: FeatureType.Feature,
  geometry: { type: PointType.Point, coordinates: [2.3522, 48.8566] },
  properties: { name: 'Le Cellier', category: 'winery', open: true, tags: ['a', 1, null], at: { floor: 2 } },
};
const at = { collection, id: 'of typescript-fetch/1' };
const put = await places.putItem({ ...at, featureInput });
check('put', put.id === at.id);
const got = await places.getItem(at);
check('get', JSON.stringify(got.properties) === JSON.stringify(featureInput.properties));
await places.deleteItem(at);

const missing = await places.getItem(at).catch((error: unknown) => error);
check('error', missing instanceof ResponseError && missing.response.status === 404);
if (missing instanceof ResponseError) {
  check('problem', (await missing.response.json()).type === '/problems/place-unknown');
}
