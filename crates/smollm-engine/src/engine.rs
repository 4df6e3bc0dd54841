//! Many requests at once over one model: each step is one forward pass over a ragged batch of generated tokens and parts of
//! prompts. What a request is answered depends on nothing but the request.

mod backlog;
mod blocks;
mod gate;
mod handle;
mod limits;
mod memory;
mod options;
mod outcome;
mod pace;
mod prefix;
mod scheduler;
mod sequence;
mod speculation;
mod stats;

pub use backlog::ExpectedWait;
pub use handle::{EngineHandle, EventSink};
pub use limits::Limits;
pub(crate) use limits::check_ids;
pub use memory::MemoryPlan;
pub use options::EngineOptions;
pub use stats::EngineStats;

use crate::answer::Answer;
use crate::draft::{Drafter, PromptLookup};
use crate::error::EngineError;
use crate::mask::MaskTiming;
use crate::pooling::Pooled;
use crate::request::{Event, FinishReason, RequestId, Submission, choice_seed};
use backlog::Backlog;
use blocks::BlockPool;
use gate::Gate;
use pace::Pace;
use prefix::Place;
use scheduler::{Scheduler, Share};
use sequence::{Clock, Sequence};
use smollm_kernels::Cpu;
use smollm_model::{BLOCK_TOKENS, Batch, KvPool, Model, Runner};
use speculation::Speculation;
use std::sync::Arc;
use std::time::Instant;

/// Requests over one model. One thread drives it: requests go in by [`Engine::submit`], and each [`Engine::step`] moves all of
/// them on by a token or a part of a prompt. [`EngineHandle`] is such a thread.
#[derive(Debug)]
pub struct Engine {
    model: Arc<Model>,
    cpu: Arc<Cpu>,
    runner: Runner,
    kv: KvPool,
    pool: BlockPool,
    scheduler: Scheduler,
    limits: Arc<Limits>,
    speculation: Option<Speculation>,
    masks: MaskTiming,
    /// Sequences so far.
    keys: u64,
    stats: EngineStats,
    pace: Pace,
    backlog: Backlog,
    /// Rows of hidden states whose logits are wanted, and those logits.
    rows: Vec<f32>,
    logits: Vec<f32>,
}

impl Engine {
    /// An idle engine. Cache memory is reserved but not touched before it is used.
    ///
    /// # Errors
    /// The options leave no room for a sequence (see [`MemoryPlan::new`]), or the system none for the cache.
    pub fn new(model: Arc<Model>, cpu: Arc<Cpu>, options: &EngineOptions) -> Result<Self, EngineError> {
        let plan = MemoryPlan::new(&model, options)?;
        plan.probe()?;
        let blocks = plan.kv_tokens / BLOCK_TOKENS;
        let limits = Arc::new(Limits::new(&model, options, blocks));
        let dtype = options.kv_dtype.unwrap_or_else(|| model.natural_kv_dtype());
        let kv = KvPool::new(&model.config, dtype, blocks * BLOCK_TOKENS);
        let scheduler = Scheduler::new(options.max_running.max(1));
        let speculation = (options.draft_tokens > 0).then(|| Speculation {
            drafter: Box::new(PromptLookup),
            gate: Gate::new(options.draft_gated),
            max: options.draft_tokens,
            max_rows: options.token_budget,
        });
        Ok(Self {
            model,
            cpu,
            runner: Runner::default(),
            kv,
            pool: BlockPool::new(blocks, options.prefix_cache_tokens / BLOCK_TOKENS),
            scheduler,
            limits,
            speculation,
            masks: options.masks,
            keys: 0,
            stats: EngineStats::default(),
            pace: Pace::new(options),
            backlog: Backlog::new(),
            rows: Vec::new(),
            logits: Vec::new(),
        })
    }

    /// Lets `drafter` guess from now on, if the engine speculates at all. Its memory is no part of the engine's plan.
    pub fn set_drafter(&mut self, drafter: Box<dyn Drafter>) {
        if let Some(speculation) = &mut self.speculation {
            speculation.drafter = drafter;
        }
    }

    /// The model.
    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// What a request may be, to be checked without the engine at hand.
    pub fn limits(&self) -> &Arc<Limits> {
        &self.limits
    }

    /// Puts a request in the queue.
    ///
    /// # Errors
    /// It can never be answered, or the queue is full; see [`Limits::check`].
    pub fn submit(&mut self, submission: Submission) -> Result<RequestId, EngineError> {
        self.limits.check(&submission)?;
        self.limits.admit(submission.choices, submission.prompt.len())?;
        let id = self.limits.next_id();
        self.enqueue(id, submission);
        Ok(id)
    }

    /// Puts a checked and admitted request in the queue.
    fn enqueue(&mut self, id: RequestId, submission: Submission) {
        let Submission { prompt, request, choices, prompt_logprobs, pooling, mask, adapter, reuse } = submission;
        let arrived = prompt.len();
        let prompt_end = self.model.prompt_end(&self.cpu, prompt.len());
        let root = Place::root(adapter.as_ref().map(|adapter| adapter.id()));
        for choice in 0..choices {
            let mut request = request.clone();
            request.sampling.seed = choice_seed(request.sampling.seed, choice);
            let rules = mask.as_ref().map(|mask| mask.fork());
            self.keys += 1;
            self.scheduler.wait(Sequence {
                request: id,
                choice,
                key: self.keys,
                tokens: prompt.clone(),
                prompt_len: prompt.len(),
                prompt_end,
                computed: 0,
                blocks: Vec::new(),
                published: 0,
                place: root,
                root,
                adapter: adapter.clone(),
                follows: choice > 0,
                reuses: reuse,
                restarted: false,
                answer: Answer::new(&request, &prompt).masked(rules, self.model.config.vocab_size, self.masks),
                prompt_logprobs: prompt_logprobs.filter(|_| choice == 0),
                prompt_scored: 1,
                pooled: pooling.map(|pooling| Pooled::new(pooling, self.model.config.hidden_size)),
                reported: 0,
                passed_over: 0,
                draft: Vec::new(),
                right: 0,
                forced: false,
                acceptance: None,
                clock: Clock::start(),
            });
        }
        self.stats.requests += 1;
        self.limits.arrived(choices, arrived);
        self.limits.set_waiting(self.scheduler.waiting.len());
    }

    /// Ends a request: each of its unfinished choices is reported as [`FinishReason::Cancelled`]. Unknown and finished requests
    /// are nothing to it.
    pub fn cancel(&mut self, id: RequestId, sink: &mut dyn FnMut(RequestId, Event)) {
        for sequence in self.take_out(|s| s.request == id) {
            self.report_finished(&sequence, FinishReason::Cancelled, sink);
        }
    }

    /// Ends one choice of a request, as [`Engine::cancel`] does with all. What of the prompt the first choice would have reported
    /// is not.
    pub fn cancel_choice(&mut self, id: RequestId, choice: usize, sink: &mut dyn FnMut(RequestId, Event)) {
        for sequence in self.take_out(|s| s.request == id && s.choice == choice) {
            // who waits for it to read the prompt has to read it now
            self.scheduler
                .waiting
                .iter_mut()
                .filter(|s| choice == 0 && s.request == id)
                .for_each(|s| s.follows = false);
            self.report_finished(&sequence, FinishReason::Cancelled, sink);
        }
    }

    /// Nothing runs and nothing waits.
    pub fn is_idle(&self) -> bool {
        self.scheduler.is_idle()
    }

    /// Counters since the start, and what is the case now.
    pub fn stats(&self) -> EngineStats {
        let scheduler = &self.scheduler;
        EngineStats {
            running: scheduler.running.len(),
            waiting: scheduler.waiting.len(),
            waiting_tokens: scheduler.waiting.iter().map(Sequence::pending).sum(),
            blocks: self.pool.len(),
            blocks_free: self.pool.available(),
            blocks_cached: self.pool.idle(),
            preemptions: scheduler.preemptions,
            wait: self.backlog.expected(scheduler),
            ..self.stats.clone()
        }
    }

    /// One forward pass; nothing if the engine is idle. `cancelled` is asked between layers for requests to end: if one of them
    /// has a part of its prompt in this pass, the pass is given up and nothing of it is reported; the others lose the work of that
    /// pass and no more.
    pub fn step(&mut self, cancelled: &mut dyn FnMut() -> Option<RequestId>, sink: &mut dyn FnMut(RequestId, Event)) {
        let budget = self.pace.budget(self.scheduler.running.iter().any(Sequence::decodes));
        let mut shares = self.scheduler.schedule(&mut self.pool, budget);
        self.limits.set_waiting(self.scheduler.waiting.len());
        if shares.is_empty() {
            return;
        }
        self.begin_masks(&shares);
        self.look_ahead(&mut shares);
        let started = Instant::now();
        let mut batch = Batch::default();
        for share in &shares {
            let (tokens, span) = self.scheduler.running[share.index].span(share.count);
            batch.tokens.extend(tokens);
            batch.sequences.push(span);
        }
        let mut ended = Vec::new();
        let running = &self.scheduler.running;
        let reads_prompt =
            |id| shares.iter().any(|s| !s.decodes && running.get(s.index).is_some_and(|r| r.request == id));
        let go_on = &mut || {
            let mut go_on = true;
            while let Some(id) = cancelled() {
                ended.push(id);
                go_on &= !reads_prompt(id);
            }
            go_on
        };
        let complete = self.runner.forward_while(&self.cpu, &self.model, &batch, &mut self.kv, go_on);
        if complete {
            self.finish_step(&shares, sink);
            self.learn(&shares, started.elapsed().as_secs_f64());
            self.pace.measured(&shares, started.elapsed().as_secs_f64());
            self.backlog.measured(&shares, started.elapsed().as_secs_f64());
            self.stats.count_step(&shares, started.elapsed());
        } else {
            self.forget_drafts(&shares);
            self.stats.abandoned_steps += 1;
        }
        for id in ended {
            self.cancel(id, sink);
        }
    }

    /// Ends every sequence that `which` chooses and gives its blocks back.
    fn take_out(&mut self, which: impl Fn(&Sequence) -> bool) -> Vec<Sequence> {
        let removed = self.scheduler.remove(&mut self.pool, which);
        self.limits.set_waiting(self.scheduler.waiting.len());
        if let Some(speculation) = &mut self.speculation {
            removed.iter().for_each(|sequence| speculation.drafter.forget(sequence.key));
        }
        removed
    }

    fn report_finished(&mut self, sequence: &Sequence, reason: FinishReason, sink: &mut dyn FnMut(RequestId, Event)) {
        let timings = sequence.timings();
        if reason != FinishReason::Cancelled {
            self.backlog.finished(sequence);
        }
        self.stats.count_finished(sequence.choice, reason, &timings);
        sink(sequence.request, Event::Finished { choice: sequence.choice, reason, timings });
    }
}

#[cfg(test)]
mod tests;
