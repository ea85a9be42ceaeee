// The passkey ceremony: a browser's API, so the one thing here that needs a script. Everything else works without it.
"use strict";

const toBytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const toText = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

async function post(path, body) {
  const answer = await fetch(path, {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body), credentials: "same-origin",
  });
  const told = await answer.json();
  if (!answer.ok) throw new Error(`${told.error.what} ${told.error.fix}`);
  return told;
}

function answered(credential) {
  const from = credential.response;
  const response = { clientDataJSON: toText(from.clientDataJSON) };
  for (const name of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (from[name]) response[name] = toText(from[name]);
  }
  return { id: credential.id, rawId: toText(credential.rawId), type: credential.type, response, clientExtensionResults: {} };
}

async function ceremony(place) {
  const options = await post(place.dataset.options, {});
  options.challenge = toBytes(options.challenge);
  for (const list of ["excludeCredentials", "allowCredentials"]) {
    options[list] = (options[list] || []).map((each) => ({ ...each, id: toBytes(each.id) }));
  }
  if (options.user) options.user.id = toBytes(options.user.id);
  const credential = await navigator.credentials[place.dataset.passkey]({ publicKey: options });
  const told = await post(place.dataset.answer, answered(credential));
  window.location.assign(told.to);
}

if (window.PublicKeyCredential) {
  for (const place of document.querySelectorAll("[data-passkey]")) {
    place.hidden = false;
    place.querySelector("button").addEventListener("click", () => {
      const line = document.querySelector("[data-passkey-problem]");
      line.textContent = "";
      ceremony(place).catch((error) => { line.textContent = `The passkey was not used: ${error.message}`; });
    });
  }
}
