// CloudFront's module `cloudfront` for nginx: the key-value store is density.json, read when nginx starts.
function find(key) {
    if (!density.data) {
        return density[key];
    }
    // nginx preloads without prototypes: arrays have no methods.
    for (let i = 0; i < density.data.length; i++) {
        if (density.data[i].key === key) {
            return density.data[i].value;
        }
    }
    return undefined;
}

function get(key) {
    const value = find(key);
    return value === undefined ? Promise.reject(new Error('key not found')) : Promise.resolve(value);
}

export default { kvs: () => ({ get }) };
