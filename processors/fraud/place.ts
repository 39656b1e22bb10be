// How far two places are apart, on a sphere. Pure; the same places give the same distance. Redelivery: no state.
// Source: the haversine formula, R. W. Sinnott, "Virtues of the Haversine", Sky and Telescope 68 (1984).

/** Mean radius of the earth (IUGG). */
const earthKm = 6_371.0088;
const radians = (degrees: number): number => (degrees * Math.PI) / 180;

/** Great-circle distance between two places in degrees, 0 … 20,015 km. */
export function kilometres(latitude: number, longitude: number, toLatitude: number, toLongitude: number): number {
  const north = Math.sin(radians(toLatitude - latitude) / 2);
  const east = Math.sin(radians(toLongitude - longitude) / 2);
  const h = north * north + Math.cos(radians(latitude)) * Math.cos(radians(toLatitude)) * east * east;
  return 2 * earthKm * Math.asin(Math.min(1, Math.sqrt(h)));
}
