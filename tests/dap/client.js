// SPDX-License-Identifier: BSD-2-Clause
// The client that adapters are tested with, made to hold every message against the protocol's own types.
'use strict';
const path = require('path');
const MODULES = process.env.PYBPFDBG_NODE_MODULES;
const from = name => require(path.join(MODULES, name));
const { DebugClient } = from('@vscode/debugadapter-testsupport');
const Ajv = from('ajv').default;
const { createGenerator } = from('ts-json-schema-generator');

const capital = name => name[0].toUpperCase() + name.slice(1);

class Schema {
	constructor() {
		const schema = createGenerator({
			path: path.join(MODULES, '@vscode/debugprotocol/lib/debugProtocol.d.ts'), type: '*', skipTypeCheck: true,
		}).createSchema('*');
		this.names = new Set(Object.keys(schema.definitions).map(n => n.replace('DebugProtocol.', '')));
		this.ajv = new Ajv({ strict: false, allErrors: true, allowUnionTypes: true });
		this.ajv.addSchema(schema, 'dap');
		this.checked = 0;
	}

	check(message) {
		let name = message.type === 'event' ? capital(message.event) + 'Event' : capital(message.command) + 'Response';
		if (message.type === 'response' && !message.success)
			name = 'ErrorResponse';
		if (!this.names.has(name))
			throw new Error(`${name} is not of the protocol: ${JSON.stringify(message)}`);
		if (!this.ajv.validate(`dap#/definitions/DebugProtocol.${name}`, message))
			throw new Error(`${name}: ${this.ajv.errorsText()}: ${JSON.stringify(message)}`);
		this.checked++;
	}
}

class Client extends DebugClient {
	constructor(program, schema) {
		super(program, 'dap', 'pybpfdbg');
		this.schema = schema;
		this.wrong = [];
		this.defaultTimeout = 20000;
	}

	dispatch(body) {
		try {
			this.schema.check(JSON.parse(body));
		} catch (e) {
			this.wrong.push(e.message);
		}
		super.dispatch(body);
	}

	// The next `stopped`, begun to be waited for before whatever brings it about.
	stopped(reason) {
		return this.waitForEvent('stopped', 20000).then(e => {
			if (e.body.reason !== reason)
				throw new Error(`stopped by ${e.body.reason}, not ${reason}`);
			return e.body;
		});
	}

	async top(threadId) {
		return (await this.stackTraceRequest({ threadId, levels: 1 })).body.stackFrames[0];
	}

	async value(expression, frameId, context = 'hover') {
		return (await this.evaluateRequest({ expression, frameId, context })).body.result;
	}
}

module.exports = { Client, Schema };
