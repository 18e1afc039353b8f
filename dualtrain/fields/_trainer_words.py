"""Fields of the Trainers' configurations that have no place in a spec, and why: data.

Those of transformers' and PaddleNLP's TrainingArguments that `_cure_table.py` does not translate; a
test asks both classes for a field that is in neither file.
"""

from __future__ import annotations

__all__ = ["NOT_HERE", "NO_WORD", "TRAINERS"]

NOT_HERE = "leave it out: a spec has only what moves the weights"
NO_WORD = "leave it out: a spec has no word for it, so a run that needs it is another"
_ONE_PROCESS = "leave it out: how many processes train is said where they are started"
_ORDER = "leave it out: the order of the data is a permutation by the seed"
_LAST = "leave it out: the last micro-batch of an epoch may be short, and is trained on"
_FINAL = "leave it out: the weights after the last update are kept"

TRAINERS = {
    NOT_HERE: """
        batch_eval_metrics dataloader_num_workers dataloader_persistent_workers
        dataloader_pin_memory dataloader_prefetch_factor ddp_timeout debug disable_tqdm
        distributed_dataloader do_eval do_export do_predict do_train eval_accumulation_steps
        eval_delay eval_do_concat_batches eval_on_start eval_steps eval_strategy
        eval_use_gather_object evaluation_strategy flatten_param_grads full_determinism
        gradient_checkpointing gradient_checkpointing_kwargs greater_is_better hub_always_push
        hub_model_id hub_private_repo hub_revision hub_strategy hub_token include_for_metrics
        include_inputs_for_metrics include_num_input_tokens_seen include_tokens_per_second
        jit_mode_eval lazy_data_processing length_column_name load_sharded_model log_level
        log_level_replica log_on_each_node logging_dir logging_first_step logging_nan_inf_filter
        logging_steps logging_strategy max_evaluate_steps metric_for_best_model minimum_eval_times
        overwrite_output_dir past_index per_device_eval_batch_size per_gpu_eval_batch_size
        prediction_loss_only project push_to_hub push_to_hub_model_id push_to_hub_organization
        push_to_hub_token ray_scope recompute remove_unused_columns report_to
        restore_callback_states_from_checkpoint resume_from_checkpoint run_name save_on_each_node
        save_only_model save_safetensors save_sharded_model save_steps save_strategy
        save_total_limit skip_memory_metrics skip_profile_timer torch_compile
        torch_empty_cache_steps tpu_metrics_debug trackio_space_id unified_checkpoint
        unified_checkpoint_config use_legacy_prediction_loop wandb_api_key
    """,
    NO_WORD: """
        adafactor amp_custom_white_list amp_master_grad auto_find_batch_size
        average_tokens_across_devices bf16_full_eval enable_auto_parallel fp16_backend
        fp16_full_eval half_precision_backend ignore_load_lr_and_optim ignore_save_lr_and_optim
        label_names liger_kernel_config neftune_noise_alpha optim_args optim_target_modules tf32
        to_static torch_compile_backend torch_compile_mode torchdynamo use_expert_parallel
        use_liger_kernel use_mps_device
    """,
    _ONE_PROCESS: """
        accelerator_config data_parallel_config ddp_backend ddp_broadcast_buffers ddp_bucket_cap_mb
        ddp_find_unused_parameters deepspeed force_reshard_pp fsdp fsdp_config fsdp_min_num_params
        fsdp_transformer_layer_cls_to_wrap hybrid_parallel_topo_order local_rank mp_parameters
        parallelism_config pipeline_parallel_config pipeline_parallel_degree sep_parallel_degree
        sharding sharding_degree sharding_parallel_config sharding_parallel_degree
        tensor_parallel_config tensor_parallel_degree tpu_num_cores
    """,
    _ORDER: "group_by_length ignore_data_skip",
    _LAST: "dataloader_drop_last",
    _FINAL: "load_best_model_at_end",
}
"""The way out -> the fields, as `by_name` takes them."""
