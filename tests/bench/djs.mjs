// tests/bench/djs.mjs: the calls through @discordjs/rest, the one that discord.js uses; only the 50 a
// second are lifted. usage: node djs.mjs URL CALLS_FILE WARM TOGETHER
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const peers = createRequire(new URL('../peers/package.json', import.meta.url));
const { REST } = createRequire(peers.resolve('discord.js'))('@discordjs/rest');

const [url, file, warm, together] = process.argv.slice(2);
const version = url.match(/\/v(\d+)$/)[1];
const rest = new REST({
    api: url.slice(0, url.lastIndexOf('/')), version, globalRequestsPerSecond: 1e9,
}).setToken('bench');

// Values, as a bot has them: the text that goes out is the library's to make.
const calls = readFileSync(file, 'utf8').trimEnd().split('\n').map((line) => {
    const [method, path] = line.split(' ', 2);
    const text = line.slice(method.length + path.length + 2);
    return { method, path, body: text ? JSON.parse(text) : undefined };
});
let fine = 0;

async function make(from, to) {
    let next = from;
    const worker = async () => {
        while (next < to) {
            const { method, path, body } = calls[next++];
            await rest.request({ method, fullRoute: path, body }); // throws unless it was 2xx
            fine++;
        }
    };
    await Promise.all(Array.from({ length: Number(together) }, worker));
}

await make(0, Number(warm));
const cpu = process.cpuUsage();
const start = process.hrtime.bigint();
await make(Number(warm), calls.length);
const used = process.cpuUsage(cpu);
const wall = process.hrtime.bigint() - start;
const peak = Number(readFileSync('/proc/self/status', 'utf8').match(/VmHWM:\s*(\d+)/)[1]);
console.log(JSON.stringify({
    ended: fine, fine, cpu_us: used.user + used.system, wall_us: Number(wall / 1000n), peak_kb: peak,
}));
process.exit(0); // its connections would keep it
