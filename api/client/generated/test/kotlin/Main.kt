// The client in Kotlin of OpenAPI Generator, as a user writes it.
package cellar.test

import cellar.client.apis.PlacesApi
import cellar.client.apis.SearchApi
import cellar.client.infrastructure.ClientError
import cellar.client.infrastructure.ClientException
import cellar.client.models.FeatureInput
import cellar.client.models.FeatureType
import cellar.client.models.Point
import cellar.client.models.PointType

fun main() {
    val server = System.getenv("CELLAR_SERVER")
    val collection = System.getenv("CELLAR_COLLECTION")
    val search = SearchApi(server)
    val places = PlacesApi(server)

    val near = search.nearby(collection, lat = 0.0, lon = 0.0, radius = 50_000.0, limit = 5)
    val first = near.features.first()
    check(near.numberReturned == 5 && first.id == "w-0" && first.distanceM == 0.0) { near }
    val coordinates: List<Number> = first.geometry.coordinates
    check(coordinates.map { it.toDouble() } == listOf(0.0, 0.0)) { first }
    check(first.properties["name"] == "Winery 0") { first }

    val box = listOf(-0.1, -0.1, 0.1, 0.055)
    val items = search.items(collection, bbox = box, limit = 10)
    check(items.numberMatched == 6 && items.features.size == 6) { items }

    val point = Point(coordinates = listOf(2.3522, 48.8566), type = PointType.Point)
    val properties = mapOf("name" to "Le Cellier", "open" to true, "tags" to listOf("a", 1.0), "at" to mapOf("floor" to 2.0))
    val place = FeatureInput(geometry = point, type = FeatureType.Feature, properties = properties)
    val put = places.putItem(collection, "of kotlin/1", place)
    check(put.id == "of kotlin/1") { put }
    val got = places.getItem(collection, "of kotlin/1")
    check(got.properties == properties) { got }
    places.deleteItem(collection, "of kotlin/1")

    val missing = runCatching { places.getItem(collection, "of kotlin/1") }.exceptionOrNull()
    check(missing is ClientException && missing.statusCode == 404) { "$missing" }
    val problem = (missing as ClientException).response as ClientError<*>
    check("/problems/place-unknown" in problem.body.toString()) { problem }
}
