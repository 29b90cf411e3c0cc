// A stub origin: answers that tell of every tier and of a cold start now and then. Prints its port.
import { createServer } from "node:http";

const tiers = [
  "cellar-l1; fwd=miss, edge; hit",
  "cellar-rendered; hit, edge; fwd=uri-miss",
  'cellar-l1; hit; detail="3 of 3", cellar-rendered; fwd=miss, edge; fwd=uri-miss',
  'cellar-l2; hit; detail="2 of 2", cellar-l1; fwd=partial; detail="1 of 3", cellar-rendered; fwd=miss, edge; fwd=uri-miss',
  'cellar-l2; fwd=miss; detail="0 of 2", cellar-l1; fwd=miss; detail="0 of 2", cellar-rendered; fwd=miss, edge; fwd=uri-miss',
];
let number = 0;
const server = createServer((_, response) => {
  number += 1;
  const cold = number % 40 === 7;
  response.setHeader("cache-status", tiers[number % tiers.length]);
  response.setHeader("server-timing", 'queries;desc="2", read-units;desc="1.5"');
  response.setHeader("x-cellar-instance", `i-${number % 3}`);
  response.setHeader("x-cellar-cold", String(cold));
  response.statusCode = number % 50 === 0 ? 503 : 200;
  response.end("x");
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
