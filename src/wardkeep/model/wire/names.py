"""Field names that vendors' interfaces use and this gateway does not list, or does not list everywhere.

A refusal repeats these and no other: a key that a caller made up may be a patient's name (DESIGN section 2).
"""

from typing import Final

_WORDS: Final = """
annotations assistant_id attachments audio background best_of betas cache_control cache_salt caller chat_template
chat_template_kwargs citations class client_metadata container content context context_management conversation
created data defer_loading description diagnostics disable_parallel_tool_use documents eager_input_streaming echo
effort enable_thinking extra_body extra_headers extra_query file file_id file_ids files fork format
frequency_penalty function function_call functions grammar guided_choice guided_grammar guided_json guided_regex id
image_url include include_obfuscation include_reasoning include_usage index inference_geo input input_audio
instructions is_error items json_schema keep_alive length_penalty logit_bias logprobs max_completion_tokens
max_output_tokens max_retries max_tokens mcp_servers messages metadata min_p min_tokens mirostat modalities
modality moderation n name namespace num_ctx num_predict object options output_config output_format
parallel_tool_calls parameters prediction presence_penalty previous_response_id priority prompt prompt_cache_key
prompt_cache_retention prompt_logprobs provider reasoning reasoning_content reasoning_effort reasoning_format
refusal repetition_penalty request_id response_format role safety_identifier schema search_parameters seed
service_tier size source speed stop stop_sequences store stream stream_options strict suffix summary system
temperature text thinking thread_id timeout title tool_call_id tool_calls tool_choice tool_resources tools top_a
top_k top_logprobs top_p transforms truncate truncation type typical_p usage user user_location verbosity voice
web_search_options weight
"""

VENDOR_NAMES: Final = frozenset(_WORDS.split())
