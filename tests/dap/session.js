// SPDX-License-Identifier: BSD-2-Clause
// A whole session on a gunicorn worker: session.js '{"program": ..., "pid": ..., "file": ..., "lines": {mark: line}}'
'use strict';
const assert = require('assert');
const { Client, Schema } = require('./client');

async function main(config) {
	const schema = new Schema();
	const dc = new Client(config.program, schema);
	await dc.start();
	const lines = config.lines;
	const capabilities = (await dc.initializeRequest({ adapterID: 'pybpfdbg', linesStartAt1: true, columnsStartAt1: true,
		pathFormat: 'path', supportsVariableType: true, supportsVariablePaging: true, supportsProgressReporting: true })).body;
	for (const never of ['supportsSetVariable', 'supportsSetExpression', 'supportsGotoTargetsRequest', 'supportsRestartFrame'])
		assert(!capabilities[never], never);
	const initialized = dc.waitForEvent('initialized');
	await dc.attachRequest({ processId: config.pid, maxPause: 20 });
	await initialized;

	// a condition that is true for one request in many
	const source = { path: config.file };
	const set = breakpoints => dc.setBreakpointsRequest({ source, breakpoints }).then(r => r.body.breakpoints);
	let stop = dc.stopped('breakpoint');
	let [bp] = await set([{ line: lines.total, condition: 'number % 50 == 0' }]);
	assert(bp.verified && bp.line === lines.total, JSON.stringify(bp));
	await dc.configurationDoneRequest();
	let where = await stop;
	assert.deepStrictEqual(where.hitBreakpointIds, [bp.id]);
	let top = await dc.top(where.threadId);
	assert.strictEqual(top.line, lines.total);
	assert.strictEqual(Number(await dc.value('number', top.id)) % 50, 0);
	const scopes = (await dc.scopesRequest({ frameId: top.id })).body.scopes;
	const locals = (await dc.variablesRequest({ variablesReference: scopes[0].variablesReference })).body.variables;
	const environ = locals.find(v => v.name === 'environ');
	const inside = (await dc.variablesRequest({ variablesReference: environ.variablesReference })).body.variables;
	assert(inside.find(v => v.name === "'PATH_INFO'").value.startsWith("'/"), JSON.stringify(inside));
	assert((await dc.threadsRequest()).body.threads.length >= 1);
	await assert.rejects(dc.evaluateRequest({ expression: 'nothing_here', frameId: top.id }), /NameError/);
	await assert.rejects(dc.scopesRequest({ frameId: 123456789 }), /no frame/);

	// a step, and a step into what it calls
	stop = dc.stopped('step');
	await dc.stepInRequest({ threadId: where.threadId });
	where = await stop;
	assert.strictEqual((await dc.top(where.threadId)).name, 'price');
	stop = dc.stopped('step');
	await dc.nextRequest({ threadId: where.threadId });
	where = await stop;

	// who writes this?
	top = await dc.top(where.threadId);
	const scope = (await dc.scopesRequest({ frameId: top.id })).body.scopes[0].variablesReference;
	const data = (await dc.dataBreakpointInfoRequest({ variablesReference: scope, name: 'result' })).body;
	assert.deepStrictEqual(data.accessTypes, ['write'], JSON.stringify(data));
	await set([]);
	const watched = await dc.setDataBreakpointsRequest({ breakpoints: [{ dataId: data.dataId, accessType: 'write' }] });
	assert(watched.body.breakpoints[0].verified, JSON.stringify(watched.body));
	stop = dc.stopped('data breakpoint');
	await dc.continueRequest({ threadId: where.threadId });
	where = await stop;
	await dc.setDataBreakpointsRequest({ breakpoints: [] });

	// what is logged stops nobody
	const logged = dc.waitForEvent('output', 20000);
	await set([{ line: lines.body, logMessage: 'cart {cart.total:>8}' }]);
	await dc.continueRequest({ threadId: where.threadId });
	let text = (await logged).body.output;
	while (!text.startsWith('cart '))
		text = (await dc.waitForEvent('output', 20000)).body.output;
	assert.match(text, /^cart +\d+\n$/);

	// an exception that the program itself handles
	await set([]);
	stop = dc.stopped('exception');
	const raised = await dc.setExceptionBreakpointsRequest({ filters: [],
		filterOptions: [{ filterId: 'raised', condition: 'type(__exception__) is LookupError' }] });
	assert(raised.body.breakpoints[0].verified, JSON.stringify(raised.body));
	where = await stop;
	const info = (await dc.exceptionInfoRequest({ threadId: where.threadId })).body;
	assert.strictEqual(info.exceptionId, 'LookupError');
	assert.strictEqual((await dc.top(where.threadId)).line, lines.raise);
	await dc.setExceptionBreakpointsRequest({ filters: [] });

	await dc.continueRequest({ threadId: where.threadId });
	const terminated = dc.waitForEvent('terminated');
	await dc.disconnectRequest({});
	await terminated;
	dc.stopAdapter();
	assert.deepStrictEqual(dc.wrong, []);
	console.log(`${schema.checked} messages`);
}

main(JSON.parse(process.argv[2])).catch(e => {
	console.error(e.stack);
	process.exit(1);
});
