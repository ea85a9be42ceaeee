// Unmodified TypeScript SDKs, cell by cell: reads {url, key, simulator, aws, cells} from standard input, and writes one
// JSON line a cell, {sdk, platform, feature, error}; error is null where the SDK got what it asked for.
import { readFileSync } from "node:fs";
import OpenAI from "openai";
import Anthropic from "@anthropic-ai/sdk";
import { embed, generateObject, generateText, streamText, tool, APICallError } from "ai";
import { createOpenAI } from "@ai-sdk/openai";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createAmazonBedrock } from "@ai-sdk/amazon-bedrock";
import { z } from "zod";

const given = JSON.parse(readFileSync(0, "utf8"));
const NAME = "Quintanilla";
const NOTE = "Patient Philippa Quintanilla (MRN: 84713925) was seen for chest pain.";
const SCHEMA = { type: "object", properties: { who: { type: "string" } }, required: ["who"], additionalProperties: false };
const WHO = z.object({ who: z.string() });

function has(text) {
  if (!String(text).includes(NAME)) throw new Error("the name did not come back");
}
function isTrue(holds, why) {
  if (!holds) throw new Error(why);
}
async function fails(status, ask) {
  try {
    await ask();
  } catch (error) {
    if ((error.status ?? error.statusCode) === status) return;
    throw error;
  }
  throw new Error("no error was raised");
}

const openai = () => new OpenAI({ baseURL: `${given.url}/v1`, apiKey: given.key, maxRetries: 0 });
const anthropic = () => new Anthropic({ baseURL: given.url, apiKey: given.key, maxRetries: 0 });
const user = [{ role: "user", content: NOTE }];
const functionTool = { type: "function", function: { name: "lookup", parameters: SCHEMA } };

function ofOpenAI(platform) {
  const at = (model) => `${platform}/${model}`;
  const chat = (model, more) => openai().chat.completions.create({ model: at(model), messages: user, ...more });
  return {
    chat: async () => has((await chat("sim-echo")).choices[0].message.content),
    stream: async () => {
      let text = "";
      for await (const chunk of await chat("sim-echo", { stream: true })) text += chunk.choices[0]?.delta?.content ?? "";
      has(text);
    },
    tools: async () => {
      const call = (await chat("sim-tools", { tools: [functionTool] })).choices[0].message.tool_calls[0];
      JSON.parse(call.function.arguments);
    },
    json: async () => {
      const format = { type: "json_schema", json_schema: { name: "n", schema: SCHEMA, strict: true } };
      const answer = await chat("sim-json", { response_format: format });
      isTrue("who" in JSON.parse(answer.choices[0].message.content), "no such member");
    },
    errors: () => fails(400, () => chat("sim-error-400")),
    embeddings: async () => {
      const answer = await openai().embeddings.create({ model: at("sim-echo"), input: NOTE, encoding_format: "float" });
      isTrue(answer.data[0].embedding.length > 0, "no vector");
    },
    responses: async () => has((await openai().responses.create({ model: at("sim-echo"), input: NOTE })).output_text),
  };
}

function ofAnthropic(platform) {
  const at = (model) => `${platform}/${model}`;
  const ask = (model, more) => anthropic().messages.create({ model: at(model), max_tokens: 500, messages: user, ...more });
  return {
    chat: async () => has((await ask("sim-echo")).content[0].text),
    stream: async () => {
      const stream = anthropic().messages.stream({ model: at("sim-echo"), max_tokens: 500, messages: user });
      has(await stream.finalText());
    },
    tools: async () => {
      const answer = await ask("sim-tools", { tools: [{ name: "lookup", input_schema: SCHEMA }] });
      isTrue(answer.content.some((block) => block.type === "tool_use"), "no tool was called");
    },
    json: async () => {
      const answer = await ask("sim-json", { output_config: { format: { type: "json_schema", schema: SCHEMA } } });
      isTrue("who" in JSON.parse(answer.content[0].text), "no such member");
    },
    errors: () => fails(400, () => ask("sim-error-400")),
  };
}

function ofAi(model, more = {}) {
  const settings = { maxRetries: 0, maxOutputTokens: 500 };
  return {
    chat: async () => has((await generateText({ model: model("sim-echo"), prompt: NOTE, ...settings })).text),
    stream: async () => {
      let text = "";
      for await (const piece of streamText({ model: model("sim-echo"), prompt: NOTE, ...settings }).textStream) text += piece;
      has(text);
    },
    tools: async () => {
      const tools = { lookup: tool({ inputSchema: WHO }) };
      const answer = await generateText({ model: model("sim-tools"), prompt: NOTE, tools, ...settings });
      isTrue(answer.toolCalls.length > 0, "no tool was called");
    },
    json: async () => {
      const answer = await generateObject({ model: model(more.json ?? "sim-json"), prompt: NOTE, schema: WHO, ...settings });
      isTrue("who" in answer.object, "no such member");
    },
    errors: () => fails(400, () => generateText({ model: model("sim-error-400"), prompt: NOTE, ...settings })),
  };
}

function ofAiOpenAI(platform) {
  const provider = createOpenAI({ baseURL: `${given.url}/v1`, apiKey: given.key });
  return {
    ...ofAi((model) => provider.chat(`${platform}/${model}`)),
    embeddings: async () => {
      const answer = await embed({ model: provider.textEmbeddingModel(`${platform}/sim-echo`), value: NOTE, maxRetries: 0 });
      isTrue(answer.embedding.length > 0, "no vector");
    },
    responses: async () => {
      const model = provider.responses(`${platform}/sim-echo`);
      has((await generateText({ model, prompt: NOTE, maxRetries: 0 })).text);
    },
  };
}

const KINDS = {
  "openai (TypeScript)": ofOpenAI,
  "@anthropic-ai/sdk": ofAnthropic,
  "ai with @ai-sdk/openai": ofAiOpenAI,
  "ai with @ai-sdk/anthropic": (platform) => {
    const provider = createAnthropic({ baseURL: `${given.url}/v1`, apiKey: given.key });
    // For models it does not know this provider asks for JSON by way of a tool.
    return ofAi((model) => provider(`${platform}/${model}`), { json: "sim-tools" });
  },
  "ai with @ai-sdk/amazon-bedrock": () => {
    // No client format of the gateway: straight to the simulator, to hold that to another reading of the protocol.
    const provider = createAmazonBedrock({ region: given.aws.region, baseURL: given.simulator, ...given.aws });
    return ofAi((model) => provider(`us.vendor.${model}`), { json: "sim-tools" });
  },
};

for (const { sdk, platform, feature } of given.cells) {
  let error = null;
  try {
    await KINDS[sdk](platform)[feature]();
  } catch (caught) {
    const status = caught.status ?? caught.statusCode ?? "";
    const body = APICallError.isInstance(caught) ? caught.responseBody : JSON.stringify(caught.error ?? "");
    error = `${status} ${caught.message} ${body ?? ""}`.slice(0, 600);
  }
  process.stdout.write(`${JSON.stringify({ sdk, platform, feature, error })}\n`);
}
