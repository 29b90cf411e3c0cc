// A stub origin, the local edge in front of it, and a client that sends paths as they are.
import { spawn } from 'node:child_process';
import http from 'node:http';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';

// A test that fails must not leave nginx behind, nor wait for it.
const running = new Set();
after(() => running.forEach((child) => child.kill('SIGTERM')));

const START = fileURLToPath(new URL('../start.sh', import.meta.url));

/** An origin whose answers a test sets by collection: `origin.on('wineries', (request, response) => …)`. */
export async function startOrigin(port = 0, state = { handlers: new Map(), requests: [] }) {
    const server = http.createServer((request, response) => {
        state.requests.push({ method: request.method, url: request.url, headers: request.headers });
        const collection = request.url.split('/')[3] ?? '';
        const handler = state.handlers.get(collection);
        if (handler) handler(request, response);
        else response.writeHead(404).end();
    });
    await new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, '127.0.0.1', resolve);
    });
    return {
        port: server.address().port,
        on: (collection, handler) => state.handlers.set(collection, handler),
        seen: (collection) => state.requests.filter(({ url }) => url.split('/')[3] === collection),
        stop: () => new Promise((resolve) => {
            server.close(resolve);
            server.closeAllConnections();
        }),
        restart: () => startOrigin(server.address()?.port ?? port, state),
        state,
    };
}

/** Starts the edge on a free port; resolves when it listens. */
export async function startEdge(origin, flags = []) {
    const args = ['--origin', `http://127.0.0.1:${origin.port}`, '--listen', '127.0.0.1:0', ...flags];
    const child = spawn(START, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    running.add(child);
    let log = '';
    child.stderr.setEncoding('utf8').on('data', (text) => { log += text; });
    const exited = new Promise((resolve) => child.once('exit', resolve));
    const line = await new Promise((resolve, reject) => {
        child.stdout.setEncoding('utf8').once('data', resolve);
        exited.then((code) => reject(new Error(`start.sh ended with ${code}: ${log}`)));
    });
    const port = Number(/^listening on http:\/\/127\.0\.0\.1:(\d+)\n$/.exec(line)[1]);
    return {
        port,
        log: () => log,
        signal: (name) => child.kill(name),
        get: (path, options) => send(port, path, options),
        first: (path) => firstChunk(port, path),
        stop: async () => {
            child.kill('SIGTERM');
            return exited;
        },
    };
}

function send(port, path, { method = 'GET', headers = {}, body, agent = false } = {}) {
    return new Promise((resolve, reject) => {
        const request = http.request({ host: '127.0.0.1', port, path, method, headers, agent }, (response) => {
            const chunks = [];
            response.on('data', (chunk) => chunks.push(chunk));
            response.on('end', () => resolve({
                status: response.statusCode,
                headers: response.headers,
                body: Buffer.concat(chunks).toString(),
            }));
        });
        request.once('error', reject);
        request.end(body);
    });
}

/** The status and the first piece of an answer, which need not have ended. */
function firstChunk(port, path) {
    return new Promise((resolve, reject) => {
        const request = http.request({ host: '127.0.0.1', port, path, agent: false }, (response) => {
            response.once('data', (chunk) => resolve({ status: response.statusCode, chunk: chunk.toString() }));
            response.on('error', () => {});
        });
        request.once('error', reject);
        request.end();
    });
}

/** Repeats a step until it returns something true. */
export async function until(step, { seconds = 8 } = {}) {
    const deadline = Date.now() + seconds * 1000;
    for (;;) {
        const found = await step();
        if (found) return found;
        if (Date.now() > deadline) throw new Error(`still not after ${seconds} s: ${step}`);
        await new Promise((resolve) => setTimeout(resolve, 40));
    }
}
