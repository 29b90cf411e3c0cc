// What a user does: is the service there, and does a search through the CDN end? Run by CloudWatch Synthetics.
const https = require('https');

const CHECKS = [
    { path: '/health', type: /json/ },
    { path: '/v1/collections', type: /json/ },
    { path: '/openapi.json', type: /json/ },
];

function get(url) {
    return new Promise((resolve, reject) => {
        const request = https.get(url, { timeout: 10000 }, (answer) => {
            answer.resume();
            answer.on('end', () => resolve(answer));
            answer.on('error', reject);
        });
        request.on('timeout', () => request.destroy(new Error('no answer within 10 s')));
        request.on('error', reject);
    });
}

exports.handler = async () => {
    for (const check of CHECKS) {
        const answer = await get(process.env.BASE_URL + check.path);
        if (answer.statusCode !== 200 || !check.type.test(answer.headers['content-type'] || '')) {
            throw new Error(`${check.path} answered ${answer.statusCode}, ${answer.headers['content-type']}`);
        }
    }
};
